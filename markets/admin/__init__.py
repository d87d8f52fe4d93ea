"""The organiser console. Django looks for registrations here: importing the site makes them."""

from markets.admin import site as site
