"""What other apps may ask of accounts."""

from accounts.models import User
from common.ids import Actor


def actor_named(username: str, *, organiser: bool = False) -> Actor:
    """The actor of the user with this name, made with an unusable password if there is none yet."""
    user, created = User.objects.get_or_create(username=username, defaults={"is_organiser": organiser})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return Actor(user.uid, organiser=user.is_superuser)
