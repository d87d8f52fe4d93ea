// What an order would do to the levels of a book: in the page what matching/match.py does on the server. Pure.
"use strict";
const Fills = (() => {
  const least = (one, other) => (one < other ? one : other);

  // levels: [price, quantity], best first. An order: isBuy, quantity, limit (null: market), funds (null: reserved
  // already), own: Map of price → what one's own orders have there, prevention, and of a leg's book scale and lot.
  // Answers what is left of it, what was paid, and what stopped it: "" | own | funds | end (of these levels).
  // Who came first at a price isn't known here: an own order there is taken to have, and `isLeast` says that others
  // may stand before it.
  function walk(levels, { isBuy, quantity, limit = null, funds = null, own = new Map(), prevention = "", scale = 1n, lot = 1n }) {
    let [left, paid] = [quantity, 0n];
    for (const [price, size] of levels) {
      if (!left || (limit !== null && (isBuy ? price > limit : price < limit))) return { left, paid, stopped: "" };
      const mine = least(own.get(price) || 0n, size);
      if (mine && prevention !== "cancel_oldest") return { left, paid, stopped: "own", isLeast: mine < size };
      const wanted = least(size - mine, left);
      let taken = wanted;
      if (funds !== null) {
        const affordable = ((funds - paid) * scale) / price;
        taken = least(taken, affordable - (affordable % lot));
      }
      paid += (taken * price) / scale;
      left -= taken;
      if (taken < wanted) return { left, paid, stopped: "funds" };
    }
    return { left, paid, stopped: left ? "end" : "" };
  }

  return { walk };
})();
