"""Pages and API. They are served as WSGI: Django under ASGI costs 5 to 8 ms more a request."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

application = get_wsgi_application()
