// The trader's hands: the ladder fills the ticket, the ticket says what an order would cost, keys do both.
// Money is computed in exact units; the server decides.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const terminal = byId("terminal");
  if (!terminal) return;
  const body = document.body;
  const quantityDecimals = Number(terminal.dataset.quantityDecimals);
  const priceDecimals = Number(terminal.dataset.priceDecimals);
  const cashDecimals = quantityDecimals + priceDecimals;
  const priceScale = Units.scale(priceDecimals);
  const big = (text) => BigInt(text || "0");

  // What is on the page

  const ticket = () => byId("ticket");
  const side = () => (byId("side-sell").checked ? "sell" : "buy");
  const isMarket = () => byId("order-type").value === "market";
  const inCash = () => ticket().dataset.quote === "CASH";
  const holding = (asset) => document.querySelector(`#holdings tr[data-asset="${CSS.escape(asset)}"]`);
  const available = (asset) => (holding(asset) ? big(holding(asset).dataset.available) : 0n);
  const priceOf = (leg) => {
    const card = document.querySelector(`.card[data-leg="${CSS.escape(leg)}"]`);
    return card && card.dataset.price ? big(card.dataset.price) : null;
  };
  // The other side of the book, best price first, as far as the page knows it: [price, quantity]
  function opposite(which) {
    const name = which === "buy" ? "asks" : "bids";
    const rows = [...document.querySelectorAll(`.ladder .${name} tr[data-price]`)];
    if (which === "buy") rows.reverse();
    const ladder = document.querySelector(".ladder");
    const deeper = ladder ? ladder.dataset[name].split(" ").filter(Boolean) : [];
    return [...rows.map((row) => [big(row.dataset.price), big(row.dataset.quantity)]), ...deeper.map((level) => level.split(":").map(big))];
  }
  const isCutOff = (which) => document.querySelector(".ladder")?.dataset.cut.includes(which === "buy" ? "asks" : "bids") ?? false;
  // What one's own orders have in this book, on one side, by price
  function ownOrders(which) {
    const { asset, quote } = ticket().dataset;
    const found = new Map();
    for (const { dataset } of document.querySelectorAll("#orders tr.open, #orders tr.partially_filled")) {
      if (dataset.asset !== asset || dataset.quote !== quote || dataset.side !== (which === "buy" ? "ask" : "bid")) continue;
      const price = big(dataset.price);
      found.set(price, (found.get(price) || 0n) + big(dataset.quantity) - big(dataset.filled));
    }
    return found;
  }
  const scale = () => (inCash() ? 1n : priceScale);
  const lot = () => (inCash() ? 1n : big(terminal.dataset.lot));
  const cost = (quantity, price) => (quantity * price) / scale();
  const asMoney = (units) => (inCash() ? Units.exact(units, cashDecimals) : `${Units.trim(units, quantityDecimals)} ${ticket().dataset.quote}`);

  // The preview

  function walked(which, quantity, { limit = null, funds = null } = {}) {
    const order = { isBuy: which === "buy", quantity, limit, funds, own: ownOrders(which), prevention: terminal.dataset.selfTrade, scale: scale(), lot: lot() };
    const found = Fills.walk(opposite(which), order);
    return found.stopped === "end" && isCutOff(which) ? { ...found, stopped: "cut" } : found;
  }

  // What becomes of an order: what fills at once, what it costs with what rests of it, why no more fills.
  function outcome(quantity, limit) {
    const which = side();
    const isBuy = which === "buy";
    const { asset, quote } = ticket().dataset;
    const has = available(isBuy ? quote : asset);
    const needed = isBuy ? (isMarket() ? 0n : cost(quantity, limit)) : quantity;
    const refused = (why, gone = 0n) => ({ filled: 0n, total: isBuy ? gone : 0n, left: has - gone, fate: `refused: ${why}` });
    if (needed > has) return refused("that is more than is available", needed);
    const { left, paid, stopped, isLeast } = walked(which, quantity, { limit, funds: isMarket() && isBuy ? has : null });
    const filled = quantity - left;
    if (byId("order-post").checked && (filled || stopped === "own")) return refused("it would trade");
    const tif = isMarket() ? "ioc" : byId("order-tif").value;
    if (tif === "fok" && left && stopped !== "cut") return { filled: 0n, total: 0n, left: has, fate: "nothing: all of it cannot" };
    const rests = left && stopped !== "own" && tif !== "ioc" && tif !== "fok";
    const total = rests ? paid + cost(left, limit) : paid;
    const fate = told({ filled, paid, rests, stopped, isLeast, isAll: !left });
    return { filled, total, left: has - (isBuy ? total : rests ? quantity : filled), fate };
  }
  function told({ filled, paid, rests, stopped, isLeast, isAll }) {
    const nobody = side() === "buy" ? "nobody sells" : "nobody buys";
    if (!filled) return `nothing${isLeast ? " perhaps" : ""}: ${rests ? "it rests" : { own: "it meets your own order", funds: "you cannot pay for it" }[stopped] || (isMarket() ? nobody : "it is cancelled")}`;
    const fills = `${isLeast ? "at least " : ""}${Units.trim(filled, quantityDecimals)} @ ${average(paid, filled)}`;
    if (isAll || rests) return fills;
    const why = { own: "then meets your own order", funds: "all that you can pay", cut: "and more, deeper down" }[stopped];
    return `${fills}, ${why || (isMarket() ? "all there is" : "the rest is cancelled")}`;
  }

  function preview() {
    if (!ticket()) return;
    const isBuy = side() === "buy";
    const { asset, quote } = ticket().dataset;
    const quantity = Units.parse(byId("order-quantity").value, quantityDecimals);
    const limit = isMarket() ? null : Units.parse(byId("order-price").value, priceDecimals);
    const show = (name, text, isBad = false) => {
      const place = document.querySelector(`#preview [data-is="${name}"]`);
      place.textContent = text;
      place.classList.toggle("down", isBad);
    };
    const has = available(isBuy ? quote : asset);
    const hasText = isBuy ? asMoney(has) : `${Units.trim(has, quantityDecimals)} ${asset}`;
    show("available", hasText);
    show("cost-name", isBuy ? "Cost" : "Proceeds");
    const button = byId("place");
    button.classList.toggle("buying", isBuy);
    button.classList.toggle("selling", !isBuy);
    const verb = isBuy ? "Buy" : "Sell";
    if (!quantity || (!limit && !isMarket())) {
      for (const name of ["cost", "now", "left"]) show(name, "—");
      button.textContent = `${verb} ${asset}`;
      return;
    }
    const { total, left, fate } = outcome(quantity, limit);
    show("cost", asMoney(total));
    show("now", fate, fate.startsWith("refused"));
    show("left", isBuy ? asMoney(left) : `${Units.trim(left, quantityDecimals)} ${asset}`, left < 0n);
    const at = isMarket() ? "at market" : `@ ${Units.trim(limit, priceDecimals)}`;
    button.textContent = `${verb} ${Units.trim(quantity, quantityDecimals)} ${asset} ${at}`;
  }
  const average = (paid, filled) => Units.trim((inCash() ? paid : paid * priceScale) / filled, priceDecimals);

  // What `percent` of what is available buys or sells, in whole lots
  function part(percent) {
    const { asset, quote } = ticket().dataset;
    const share = BigInt(percent);
    const whole = (quantity) => quantity - (quantity % lot());
    if (side() === "sell") return whole((available(asset) * share) / 100n);
    const money = (available(quote) * share) / 100n;
    const limit = isMarket() ? null : Units.parse(byId("order-price").value, priceDecimals);
    if (limit) return whole((money * scale()) / limit);
    const most = opposite("buy").reduce((sum, [, size]) => sum + size, 0n);
    return most - walked("buy", most, { funds: money }).left;
  }

  function choose(which) {
    byId(which === "sell" ? "side-sell" : "side-buy").checked = true;
    preview();
  }
  function setType(kind) {
    byId("order-type").value = kind;
    byId("order-type").dispatchEvent(new Event("change", { bubbles: true }));
    preview();
  }
  function showView(name) {
    const view = byId(`view-${name}`);
    if (view) view.checked = true;
  }
  function focusField(id) {
    showView("trade");
    byId(id).focus();
    byId(id).select();
  }
  function clearTicket() {
    byId("order-quantity").value = "";
    byId("order-price").value = "";
    preview();
  }

  body.addEventListener("input", (event) => event.target.closest("#ticket") && preview());
  body.addEventListener("change", (event) => event.target.closest("#ticket") && preview());
  body.addEventListener("click", (event) => {
    const size = event.target.closest("[data-part]");
    if (size) {
      byId("order-quantity").value = Units.trim(part(size.dataset.part), quantityDecimals);
      preview();
      byId("order-quantity").focus();
      return;
    }
    const level = event.target.closest(".ladder a[data-act]");
    if (level && ticket()) {
      event.preventDefault();
      setType("limit");
      choose(level.dataset.act);
      byId("order-price").value = level.dataset.fillPrice;
      if (!byId("order-quantity").value) byId("order-quantity").value = level.dataset.fillQuantity;
      focusField("order-quantity");
      preview();
    }
    if (event.target.closest("#open-help")) byId("help").showModal();
    if (event.target.closest("#replace-keep")) {
      event.preventDefault();
      event.target.closest("tr").classList.remove("editing");
      htmx.trigger(body, "market-resync");
    }
  });

  // Confirming, which can be switched off

  const KEPT = "confirm-orders";
  const asks = () => localStorage.getItem(KEPT) !== "no";
  body.addEventListener("change", (event) => {
    if (event.target.id === "ticket-confirm") localStorage.setItem(KEPT, event.target.checked ? "yes" : "no");
  });
  let newestMore = null; // while the ticket's question stands, the book moves on
  function confirmed(title, what, more, act, { kind = "", canStop = false, yes = "Place order" } = {}) {
    const dialog = byId("confirm");
    byId("confirm-title").textContent = title;
    byId("confirm-what").textContent = what;
    byId("confirm-what").className = `confirm-what ${kind}`;
    byId("confirm-more").textContent = more();
    newestMore = more;
    byId("confirm-yes").textContent = yes;
    byId("confirm-never").checked = false;
    byId("confirm-never").parentElement.hidden = !canStop;
    dialog.returnValue = "no";
    dialog.onclose = () => {
      if (dialog.returnValue !== "yes") return;
      if (canStop && byId("confirm-never").checked) {
        localStorage.setItem(KEPT, "no");
        byId("ticket-confirm").checked = false;
      }
      act();
    };
    dialog.showModal();
  }
  body.addEventListener("htmx:confirm", (event) => {
    if (event.detail.elt.id !== "ticket" || !asks()) return;
    event.preventDefault();
    const figure = (name) => document.querySelector(`#preview [data-is="${name}"]`).textContent;
    const more = () => `${figure("cost-name")} ${figure("cost")}; fills now: ${figure("now")}.`;
    const kind = side() === "buy" ? "buying" : "selling";
    confirmed("Place this order?", byId("place").textContent, more, () => event.detail.issueRequest(true), { kind, canStop: true });
  });

  // Keys

  const isTyping = (target) => target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea");
  function walk(step) {
    const links = [...document.querySelectorAll(".ladder a[data-act]")];
    if (!links.length) return;
    const here = links.indexOf(document.activeElement);
    const asks = links.filter((link) => link.dataset.act === "buy").length;
    const next = here < 0 ? (step < 0 ? asks - 1 : asks) : here + step;
    links[Math.min(links.length - 1, Math.max(0, next))].focus();
  }
  function nextLeg(step) {
    const pick = byId("pick-asset");
    pick.selectedIndex = (pick.selectedIndex + step + pick.options.length) % pick.options.length;
    pick.dispatchEvent(new Event("change", { bubbles: true }));
  }
  function cancelAll() {
    const button = byId("cancel-all");
    if (!button) return;
    confirmed("Cancel all your orders?", button.closest(".head").querySelector("small").textContent, () => "", () => byId("cancel-all") && byId("cancel-all").click(), { yes: "Cancel all" });
  }
  const KEYS = {
    b: () => (choose("buy"), focusField("order-quantity")),
    s: () => (choose("sell"), focusField("order-quantity")),
    p: () => (setType("limit"), focusField("order-price")),
    m: () => (setType("market"), focusField("order-quantity")),
    l: () => (setType("limit"), focusField("order-price")),
    x: cancelAll,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const { target } = event;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key; // with caps lock, too
    if (key === "Escape") {
      if (target.closest("tr.editing")) byId("replace-keep").click();
      else if (isTyping(target)) target.blur();
      else if (ticket()) clearTicket();
      return;
    }
    if (isTyping(target)) return;
    if (key === "?" && byId("help")) byId("help").showModal();
    else if (key === "[" || key === "]") nextLeg(key === "[" ? -1 : 1);
    else if (key === "ArrowUp" || key === "ArrowDown") {
      if (target.closest(".sides, .views, .scroll")) return;
      walk(key === "ArrowUp" ? -1 : 1);
    } else if (ticket() && /^[0-9.]$/.test(key)) {
      focusField("order-quantity");
      return; // the key itself is typed into the field
    } else if (ticket() && KEYS[key]) KEYS[key]();
    else return;
    event.preventDefault();
  });

  // After each push

  let before = new Map();
  let newest = Math.max(0, ...[...document.querySelectorAll("#tape tr[data-number]")].map((row) => Number(row.dataset.number)));
  const mineNumbers = new Set();
  function flashPrices() {
    for (const card of document.querySelectorAll(".card[data-leg]")) {
      const now = card.dataset.price;
      const then = before.get(card.dataset.leg);
      if (then && now && then !== now) card.querySelector(".price").classList.add(big(now) > big(then) ? "flash-up" : "flash-down");
      before.set(card.dataset.leg, now);
      card.classList.toggle("looked", card.dataset.leg === byId("book-panel").querySelector("#pick-asset").value);
    }
  }
  function markOwn() {
    const book = byId("chart-panel").dataset;
    const own = new Set();
    for (const row of document.querySelectorAll("#orders tr.open, #orders tr.partially_filled")) {
      if (row.dataset.asset === book.asset && row.dataset.quote === book.quote) own.add(`${row.dataset.side} ${row.dataset.price}`);
    }
    for (const row of document.querySelectorAll(".ladder tr[data-price]")) {
      const isMine = own.has(`${row.dataset.side} ${row.dataset.price}`);
      row.classList.toggle("mine", isMine);
      if (isMine) row.title = "an order of yours is here";
    }
  }
  function markTape() {
    let last = newest;
    for (const row of document.querySelectorAll("#tape tr[data-number]")) {
      const number = Number(row.dataset.number);
      row.classList.toggle("fresh", number > newest);
      row.classList.toggle("mine", mineNumbers.has(number));
      last = Math.max(last, number);
    }
    newest = last;
  }
  // Holdings at the newest prices: the server sends them again only when they change.
  function value() {
    if (!byId("holdings")) return;
    const rows = [...document.querySelectorAll("#holdings tbody tr")];
    const worthOf = (row, name) => {
      const units = big(row.dataset[name]);
      const price = row.dataset.asset === "CASH" ? 1n : priceOf(row.dataset.asset);
      return price === null ? null : units * price;
    };
    const values = rows.map((row) => worthOf(row, "total"));
    if (values.includes(null)) return;
    const sum = (amounts) => amounts.reduce((one, other) => one + other, 0n);
    const [worth, given] = [sum(values), sum(rows.map((row) => worthOf(row, "given")))];
    const basket = sum([...document.querySelectorAll(".card[data-leg]")].map((card) => big(card.dataset.quantity) * big(card.dataset.price)));
    rows.forEach((row, index) => {
      row.querySelector('[data-is="value"]').textContent = Units.money(values[index], cashDecimals);
      row.querySelector('[data-is="weight"]').textContent = worth ? `${Units.format((values[index] * 1000n) / worth, 1)} %` : "—";
    });
    const put = (name, text) => {
      const place = document.querySelector(`#holdings .sums [data-is="${name}"]`);
      place.textContent = text;
      return place;
    };
    const gain = worth - given;
    const inLegs = sum(values.filter((_, index) => rows[index].dataset.asset !== "CASH"));
    put("worth", Units.money(worth, cashDecimals));
    put("share", basket ? `${Units.format((inLegs * 10000n) / basket, 2)} %` : "—");
    const place = put("gain", `${gain > 0n ? "▲ +" : gain < 0n ? "▼ " : ""}${Units.money(gain, cashDecimals)}`);
    place.classList.toggle("up", gain > 0n);
    place.classList.toggle("down", gain < 0n);
  }
  let lastSide = "buy";
  body.addEventListener("change", (event) => event.target.name === "side" && (lastSide = event.target.value));
  function refresh() {
    flashPrices();
    markOwn();
    markTape();
    value();
    if (ticket()) {
      byId("ticket-confirm").checked = asks();
      const isOpen = byId("status").dataset.status === "active";
      byId("place").disabled = !isOpen;
      preview();
      if (byId("confirm").open) byId("confirm-more").textContent = newestMore();
      if (!isOpen) byId("place").textContent = { created: "Not open yet", halted: "Trading is halted" }[byId("status").dataset.status] || "The session is over";
    }
    htmx.trigger(body, "orders-changed");
  }
  body.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target.id === "ticket" && !byId("ticket").querySelector(".notice")) choose(lastSide);
  });
  body.addEventListener("htmx:wsAfterMessage", refresh);
  body.addEventListener("htmx:afterSettle", refresh);
  body.addEventListener("market-news", (event) => {
    for (const fill of event.detail.fills) mineNumbers.add(fill[0]);
    markTape();
  });
  // The row or form that was asked for is where one goes on typing.
  body.addEventListener("htmx:afterSwap", (event) => {
    const row = event.detail.elt.id || "";
    if (row.startsWith("order-") && byId("replace-quantity")) byId("replace-quantity").focus();
    if (row === "quote" && byId("quote-rate")) byId("quote-rate").focus();
  });
  // A link to the organiser's part finds it on a phone, too.
  if (location.hash === "#organiser" && byId("view-orders")) byId("view-orders").checked = true;
  refresh();
})();
