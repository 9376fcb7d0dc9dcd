"""Django's SQLite backend with WAL and immediate transactions."""

from django.db.backends.sqlite3 import base

_INIT = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON; PRAGMA foreign_keys=ON"
)


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self):
        params = super().get_connection_params()
        params.setdefault("timeout", 20)
        self.transaction_mode = "IMMEDIATE"
        return params

    def get_new_connection(self, conn_params):
        connection = super().get_new_connection(conn_params)
        for pragma in _INIT.split(";"):
            connection.execute(pragma)
        return connection
