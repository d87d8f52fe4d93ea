"""Is what the tables say what happened? Chain, gaps, invariants, snapshots, rows: the first lie of each stream."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, models
from django.db.models import Exists, OuterRef, QuerySet

from common.db import Row, Table, quoted, uuid_param
from ledger import append_only, chain, platform, registry, store
from ledger.codec import BrokenEvent
from ledger.domain import Domain
from ledger.models import Command, Event, Snapshot, Stream
from ledger.seals import joined, seal
from ledger.warm import Warm, dump

_ROWS_EVERY = 2_000
_OUTCOME = ("stream_id", "scope", "command_id", "fingerprint", "first_seq", "last_seq", "outcome", "seal")
_SNAPSHOT = ("stream_id", "seq", "engine_version", "state", "seal")
Tick = Callable[[int], None]


class Finding(NamedTuple):
    """A lie: where it stands, and what is wrong. `seq` is 0 where it is no event's."""

    stream: str
    seq: int
    text: str

    def __str__(self) -> str:
        return (
            f"stream {self.stream}, seq {self.seq}: {self.text}" if self.seq else f"stream {self.stream}: {self.text}"
        )


class Folded(NamedTuple):
    """A stream folded from its events alone: the state, and every row that its tables should have."""

    warm: Warm
    rows: dict[Table, dict[Row, Row]]
    violations: Sequence[str]
    head: str
    first_at: int
    last_at: int


def verify_all(tick: Tick = lambda count: None) -> Iterator[Finding]:
    """The first finding of every stream, and what belongs to none."""
    lost = append_only.missing(connection)
    if lost:
        yield Finding("-", 0, f"triggers that keep events from being changed are missing: {', '.join(sorted(lost))}")
    for row in Stream.objects.order_by("created_at", "id"):
        yield from _first(verify_stream(row, tick=tick))
    known = Stream.objects.values("id")
    for model in (Event, Command, Snapshot):
        yield from _strays(model, known)
    for domain in registry.all_domains():
        live = Stream.objects.filter(domain=domain.name, deleted_at=None).values("id")
        for table in domain.tables:
            yield from _strays(table.model, live)


def _strays(model: type[models.Model], streams: "QuerySet[Stream, Any]") -> Iterator[Finding]:
    """Rows of no stream that should have any."""
    rows = model._default_manager.exclude(stream_id__in=streams)
    for stream in rows.values_list("stream_id", flat=True).distinct():
        yield Finding(str(stream), 0, f"table {model._meta.db_table} has rows of it, but there is no such stream")


def verify_stream(row: Stream, *, anchor: str = "", tick: Tick = lambda count: None) -> Iterator[Finding]:
    """Findings in one stream. `anchor` is a head hash that was once seen outside: the chain must hold it."""
    name = _label(row)
    yield from _check_records(row)
    if row.purged_at:
        if row.deleted_at is None:
            yield Finding(name, 0, "it is marked as purged, but was never deleted")
        if Event.objects.filter(stream_id=row.id).exists():
            yield Finding(name, 0, "it was purged, but events are left")
        return
    if row.domain not in {domain.name for domain in registry.all_domains()}:
        yield Finding(name, 0, f"field domain of the stream says {row.domain!r}, which there is not")
        return
    walk = _walk(row, anchor, tick)
    try:
        folded = walk.fold(store.read_raw(row.id))
    except Lie as lie:
        yield Finding(name, lie.seq, str(lie))
        return
    yield from _check_ends(row, folded)
    yield from _check_seals(row)
    yield from walk.rest(name, folded)
    if row.deleted_at is None:
        for text in _drift(row.id, folded):
            yield Finding(name, 0, text)


def _check_records(row: Stream) -> Iterator[Finding]:
    """What the platform stream says of a stream as a whole must be what its row says."""
    name, deleted_at, arrival = _label(row), platform.tombstone(row.id), platform.arrival(row.id)
    if row.deleted_at != deleted_at:
        text = f"field deleted_at says {row.deleted_at}, its tombstone in the platform stream {deleted_at}"
        yield Finding(name, 0, text)
    if row.imported_at != (arrival and arrival.at):
        text = f"field imported_at says {row.imported_at}, the platform stream {arrival and arrival.at}"
        yield Finding(name, 0, text)
    if arrival and (row.seq, row.head) != (arrival.last_seq, arrival.head):
        text = f"it ended at {arrival.last_seq} with the hash {arrival.head} when it was imported"
        yield Finding(name, min(row.seq, arrival.last_seq), text)


def drift(row: Stream, folded: Folded | None = None) -> Iterator[str]:
    """Where the tables differ from the folded events, one sentence per row."""
    return _drift(row.id, folded or fold(row))


def fold(row: Stream, tick: Tick = lambda count: None) -> Folded:
    """Fold a stream from its first event, looking at the chain on the way. Raises ValueError on a lie."""
    return _walk(row, "", tick).fold(store.read_raw(row.id))


def _walk(row: Stream, anchor: str, tick: Tick) -> "Walk":
    domain: Domain[Any] = registry.get(row.domain)
    rows = Snapshot.objects.filter(stream_id=row.id, engine_version=domain.engine_version)
    return Walk(domain, row.id, row.head, anchor=anchor, snapshots=dict(rows.values_list("seq", "state")), tick=tick)


class Lie(ValueError):
    """What is wrong at event `seq`."""

    def __init__(self, seq: int, text: str) -> None:
        super().__init__(text)
        self.seq = seq


class Walk:
    """One pass over a stream's events, which should end in `head`: gaps, hashes, decoding, folding, snapshots."""

    def __init__(
        self,
        domain: Domain[Any],
        stream: UUID,
        head: str,
        *,
        anchor: str = "",
        snapshots: dict[int, str] | None = None,
        tick: Tick = lambda count: None,
    ) -> None:
        self._stream, self._head, self._anchor, self._tick = stream, head, anchor, tick
        self._warm = Warm(domain, stream, domain.new_state(stream), 0, 0)
        self._rows: dict[Table, dict[Row, Row]] = {table: {} for table in domain.tables}
        self._snapshots = snapshots or {}
        self._anchor_seen = anchor == chain.GENESIS

    def fold(self, events: Iterable[tuple[Any, ...]]) -> Folded:
        """Fold events with all their columns from the first one. Raises Lie."""
        head, first_at, last_at, suspect = chain.GENESIS, 0, 0, None
        for seq, kind, version, payload, actor, command_id, at, digest in events:
            if seq != self._warm.seq + 1:
                raise suspect or Lie(self._warm.seq + 1, f"this event is missing; the next one is {seq}")
            linked = chain.link(head, self._stream, seq, kind, version, payload, actor, command_id, at)
            if suspect is not None:
                # The event before this one doesn't match its hash. If this one hangs on the computed hash, only the
                # hash column was changed; else the content was.
                raise (
                    Lie(suspect.seq, f"field hash was changed: {suspect}")
                    if self._hangs_on(suspect.computed, seq, kind, version, payload, actor, command_id, at, digest)
                    else suspect
                )
            if linked != digest:
                suspect = _Mismatch(seq, linked)
                head = digest
                self._warm.seq = seq
                continue
            if at < last_at:
                raise Lie(seq, "field at lies before the event before it")
            self._apply(seq, kind, version, payload, at)
            head, first_at, last_at = digest, first_at or at, at
            self._anchor_seen = self._anchor_seen or digest == self._anchor
        if suspect is not None:
            raise (
                Lie(suspect.seq, f"field hash was changed: {suspect}")
                if (suspect.computed == self._head)
                else suspect
            )
        self._collect()
        return Folded(self._warm, self._rows, self._audit(), head, first_at, last_at)

    def rest(self, name: str, folded: Folded) -> Iterator[Finding]:
        """What only the whole shows: broken invariants, and an anchor that was not met."""
        if self._anchor and not self._anchor_seen:
            text = f"no event has the anchor's hash {self._anchor}: the end was cut off or rewritten"
            yield Finding(name, folded.warm.seq, text)
        for text in folded.violations:
            yield Finding(name, 0, f"invariant: {text}")

    def _audit(self) -> list[str]:
        if self._snapshots:
            raise Lie(self._warm.seq + 1, f"there is a snapshot of event {min(self._snapshots)}, which there is not")
        try:
            return list(self._warm.domain.audit(self._warm.state))
        except Exception as error:  # events that were forged along with their hashes may lead anywhere
            raise Lie(self._warm.seq, f"what the events lead to cannot be audited: {error!r}") from error

    def _hangs_on(self, computed: str, *columns: Any) -> bool:
        *content, digest = columns
        return bool(chain.link(computed, self._stream, *content) == digest)

    def _apply(self, seq: int, kind: str, version: int, payload: str, at: int) -> None:
        domain = self._warm.domain
        try:
            domain.evolve(self._warm.state, domain.events.decode(kind, version, payload), at)
        except BrokenEvent as error:
            raise Lie(seq, f"it cannot be read: {error}") from error
        except Exception as error:
            raise Lie(seq, f"{kind} cannot follow what came before it: {error!r}") from error
        self._warm.seq = seq
        if seq in self._snapshots and dump(self._warm) != self._snapshots.pop(seq):
            raise Lie(seq, "the snapshot taken here is not what the events fold to")
        if not seq % _ROWS_EVERY:
            self._collect()
        self._tick(1)

    def _collect(self) -> None:
        for table, rows in self._warm.domain.take_writes(self._warm.state):
            self._rows[table].update({table.key_of(row): row for row in rows})


class _Mismatch(Lie):
    def __init__(self, seq: int, computed: str) -> None:
        super().__init__(seq, "its columns don't match its hash: one of them was changed")
        self.computed = computed


def _check_ends(row: Stream, folded: Folded) -> Iterator[Finding]:
    """The stream's own row and the outcomes must agree with where the events end."""
    name, seq = _label(row), folded.warm.seq
    if row.seq != seq:
        text = f"the events end at {seq}, field seq of the stream says {row.seq}"
        yield Finding(name, min(seq, row.seq) + 1, text)
    if row.head != folded.head:
        yield Finding(name, seq, "field head of the stream is not the hash of its last event")
    if row.created_at != folded.first_at:
        yield Finding(name, min(1, seq), "field created_at of the stream is not the time of its first event")
    if row.last_at != folded.last_at:
        yield Finding(name, seq, "field last_at of the stream is not the time of its last event")
    expected = folded.warm.domain.name_of(folded.warm.state)
    if expected and expected != row.name:
        yield Finding(name, 0, f"field name of the stream says {row.name!r}, its events {expected!r}")
    beyond = Command.objects.filter(stream_id=row.id, last_seq__gt=seq).order_by("last_seq").first()
    if beyond:
        text = f"command {beyond.command_id} was answered with events up to {beyond.last_seq}; they end at {seq}"
        yield Finding(name, seq + 1, text)


def _check_seals(row: Stream) -> Iterator[Finding]:
    """Outcomes and snapshots as they were written, and no outcome more or less."""
    name, seals = _label(row), 0
    outcomes = Command.objects.filter(stream_id=row.id).order_by("scope", "command_id").values_list(*_OUTCOME)
    for *columns, own in outcomes.iterator():
        if seal(*columns) != own:
            text = f"table ledger_command, row {columns[1]}/{columns[2]}: its columns don't match its seal"
            yield Finding(name, 0, text)
        seals = joined(seals, own)
    if seals != row.seals:
        yield Finding(
            name, *(_unanswered(row) or (0, "table ledger_command has outcomes more or less than there were"))
        )
    for *columns, own in Snapshot.objects.filter(stream_id=row.id).values_list(*_SNAPSHOT):
        if seal(*columns) != own:
            yield Finding(name, columns[1], "the snapshot taken here doesn't match its seal")


def _unanswered(row: Stream) -> tuple[int, str] | None:
    """The first event whose command has no outcome: (seq, sentence)."""
    answered = Command.objects.filter(stream_id=row.id, first_seq__lte=OuterRef("seq"), last_seq__gte=OuterRef("seq"))
    events = Event.objects.filter(stream_id=row.id).exclude(command_id="").exclude(Exists(answered))
    found = events.order_by("seq").values_list("seq", "command_id").first()
    return (found[0], f"table ledger_command has no outcome of its command {found[1]}") if found else None


def _drift(stream: UUID, folded: Folded) -> Iterator[str]:
    for table, expected in folded.rows.items():
        missing = dict(expected)
        for row in _stored(table, stream):
            key = table.key_of(row)
            label = f"table {table.name}, row {'/'.join(str(part) for part in key[1:]) or stream}"
            wanted = missing.pop(key, None)
            if wanted is None:
                yield f"{label}: no event made it"
            elif wanted != row:
                yield f"{label}: {_difference(table, row, wanted)}"
        for key in missing:
            yield f"table {table.name}, row {'/'.join(str(part) for part in key[1:]) or stream}: it is missing"


def _stored(table: Table, stream: UUID) -> Iterator[Row]:
    """The table's rows of a stream as tuples, with its UUID as the events have it."""
    sql = f'SELECT {quoted(table.columns)} FROM "{table.name}" WHERE stream_id = %s'  # noqa: S608  no input
    at = table.columns.index("stream_id")
    with connection.cursor() as cursor:
        cursor.execute(sql, [uuid_param(connection, stream)])
        while rows := cursor.fetchmany(2_000):
            for row in rows:
                yield (*row[:at], stream, *row[at + 1 :])


def _difference(table: Table, row: Row, wanted: Row) -> str:
    pairs = zip(table.columns, row, wanted, strict=True)
    return "; ".join(f"{name} is {have!r}, the events say {want!r}" for name, have, want in pairs if have != want)


def _label(row: Stream) -> str:
    return f"{row.domain}/{row.name} ({row.id})"


def _first(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding
        return
