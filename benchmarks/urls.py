"""The application's addresses and the no-ops that they are measured against. No other settings know these."""

from django.urls import URLPattern, URLResolver, path
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sessioncontracts.urls import urlpatterns as _own


class Nothing(APIView):
    """A DRF view that reads its body and answers {}: what every request costs that goes this way."""

    permission_classes: list[type[BasePermission]] = []  # noqa: RUF012  DRF's own way
    authentication_classes = []  # noqa: RUF012

    def post(self, request: Request) -> Response:
        assert isinstance(request.data, dict)
        return Response({})


class NothingWithKey(Nothing):
    """The same for whoever comes with a good key."""

    permission_classes = APIView.permission_classes  # type: ignore[assignment]  # stubs forget that it may be empty
    authentication_classes = APIView.authentication_classes  # type: ignore[assignment]


urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/nothing", Nothing.as_view()),
    path("api/v1/nothing-with-key", NothingWithKey.as_view()),
    *_own,
]
