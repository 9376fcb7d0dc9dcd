"""Pages and API. They are served as WSGI: Django under ASGI costs 5 to 8 ms more a request."""

import os

from django.core.wsgi import get_wsgi_application

from gridgov.checks import refuse_unsound_deployment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gridgov.settings")

# A server, unlike a command, runs no checks of its own: without secrets it must not come up at all.
refuse_unsound_deployment()
application = get_wsgi_application()
