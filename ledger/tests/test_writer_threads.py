"""The writer threads on their own: started when needed, stopped for good, whatever comes in between."""

import asyncio
import threading
import time
from concurrent.futures import Future
from uuid import uuid4

from ledger.tests.counter import ANN
from ledger.tickets import Item, Ticket, WriterThreads, deliver


def test_a_job_starts_the_threads_and_stop_ends_them() -> None:
    writers, done = WriterThreads(2), threading.Event()
    writers.submit(done.set)
    assert done.wait(5)
    threads = writers._threads
    writers.stop()
    assert not any(thread.is_alive() for thread in threads)


def test_stop_finishes_what_was_queued() -> None:
    writers, done = WriterThreads(1), list[int]()
    for number in range(50):
        writers.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    writers.stop()
    assert done == list(range(50))


def test_a_job_after_stop_starts_them_again() -> None:
    writers = WriterThreads(1)
    for _ in range(3):
        done = threading.Event()
        writers.submit(done.set)
        assert done.wait(5)
        writers.stop()


def test_stop_without_threads_does_nothing() -> None:
    WriterThreads(2).stop()


def test_jobs_that_come_while_it_stops_keep_nobody_from_ending() -> None:
    """New threads must not take the old ones' word to end, nor leave them waiting for ever."""
    writers, busy, go, done = WriterThreads(2), threading.Event(), threading.Event(), threading.Event()

    def long_job() -> None:
        busy.set()
        go.wait(10)

    writers.submit(long_job)
    assert busy.wait(5)
    old = list(writers._threads)
    stopping = threading.Thread(target=writers.stop, daemon=True)
    stopping.start()
    until(lambda: sum(thread.is_alive() for thread in old) == 1)
    writers.submit(done.set)
    assert done.wait(5), "a job that comes while they stop is done"
    time.sleep(0.05)
    go.set()
    stopping.join(5)
    assert not stopping.is_alive(), "stop hangs"
    writers.stop()


def until(condition: object) -> None:
    for _ in range(1000):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.005)
    raise AssertionError("it never came to be")


def test_a_job_may_submit_the_next_one_while_it_stops() -> None:
    """A drain that has served its share hands over to itself."""
    writers, done = WriterThreads(1), threading.Event()
    gate = threading.Event()

    def first() -> None:
        gate.wait(10)
        writers.submit(done.set)

    writers.submit(first)
    stopping = threading.Thread(target=writers.stop, daemon=True)
    stopping.start()
    gate.set()
    stopping.join(5)
    assert not stopping.is_alive()
    assert done.wait(5)
    writers.stop()


def test_an_answer_reaches_threads_and_coroutines_and_skips_closed_loops() -> None:
    def ticket() -> Ticket:
        made = Ticket(uuid4(), ANN, [Item(None, "1", "ann", "")])
        made.future = Future()
        return made

    async def main() -> object:
        mine = ticket()
        mine.loop = asyncio.get_running_loop()
        mine.future = mine.loop.create_future()
        thread = ticket()
        lost = ticket()
        lost.loop = closed
        answers = [(lost, ValueError("lost")), (mine, ValueError("mine")), (thread, ValueError("thread"))]
        await asyncio.to_thread(deliver, answers)
        try:
            await mine.future
        except ValueError as error:
            return str(error), str(thread.future.exception())
        return None

    closed = asyncio.new_event_loop()
    closed.close()
    assert asyncio.run(main()) == ("mine", "thread")


def test_the_second_answer_to_a_ticket_is_ignored() -> None:
    ticket = Ticket(uuid4(), ANN, [Item(None, "1", "ann", "")])
    ticket.future = Future()
    deliver([(ticket, ValueError("first"))])
    deliver([(ticket, ValueError("second"))])
    assert str(ticket.future.exception()) == "first"
