"""Exchanges in Django's admin. Django looks for registrations here: importing the site makes them."""

from predictions.admin import site as site
