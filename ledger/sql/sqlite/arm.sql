-- Events are never changed. Only those of a deleted stream may be deleted: that is purge.
CREATE TRIGGER ledger_event_no_update BEFORE UPDATE ON ledger_event
BEGIN SELECT RAISE(ABORT, 'ledger events are append-only'); END
--;
CREATE TRIGGER ledger_event_no_delete BEFORE DELETE ON ledger_event
WHEN NOT EXISTS (SELECT 1 FROM ledger_stream WHERE id = OLD.stream_id AND deleted_at IS NOT NULL)
BEGIN SELECT RAISE(ABORT, 'ledger events are append-only'); END
--;
-- INSERT OR REPLACE deletes without firing the trigger above unless recursive_triggers is on
CREATE TRIGGER ledger_event_no_replace BEFORE INSERT ON ledger_event
WHEN EXISTS (SELECT 1 FROM ledger_event WHERE stream_id = NEW.stream_id AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'ledger events are append-only'); END
