"""What events make of the exchange and its agents."""

from predictions.engine import events as e
from predictions.engine.records import Agent
from predictions.engine.state import ExchangeState
from predictions.engine.steps.money import pay


def exchange_created(state: ExchangeState, event: e.ExchangeCreated, at: int) -> None:
    facts = state.facts
    facts.name, facts.organiser, facts.terms, facts.created_at = event.name, event.organiser, event.terms, at
    state.changed.exchange = True


def registered(state: ExchangeState, event: e.AgentRegistered, at: int) -> None:
    add_agent(state, Agent(state.facts.seq, event.user, event.owner, at))


def add_agent(state: ExchangeState, agent: Agent) -> None:
    state.agents[agent.id] = agent
    state.users[agent.user] = agent.id
    state.touch_agent(agent.id)


def mode_set(state: ExchangeState, event: e.ModeSet, at: int) -> None:
    state.touch_agent(event.agent).mode = event.mode


def role_set(state: ExchangeState, event: e.RoleSet, at: int) -> None:
    state.touch_agent(event.agent).role = event.role


def issued(state: ExchangeState, event: e.MoneyIssued, at: int) -> None:
    agent = state.touch_agent(event.agent)
    agent.deposits += event.amount
    if event.why == "faucet":
        agent.drawn += event.amount
    state.facts.issued += event.amount
    state.touched.issued += event.amount
    state.changed.exchange = True
    pay(state, agent, event.amount, at, event.why)


def transferred(state: ExchangeState, event: e.MoneyTransferred, at: int) -> None:
    giver, taker = state.touch_agent(event.giver), state.touch_agent(event.taker)
    giver.deposits -= event.amount
    taker.deposits += event.amount
    pay(state, giver, -event.amount, at, "transfer_out", counterparty=taker.id, note=event.note)
    pay(state, taker, event.amount, at, "transfer_in", counterparty=giver.id, note=event.note)
