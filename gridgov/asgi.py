"""Raw ASGI routes (streams) ahead of the WSGI pages."""

from a2wsgi import WSGIMiddleware

from gridgov.wsgi import application as pages

application = WSGIMiddleware(pages, workers=8)
