// Exact numbers in the page: text ↔ scaled integers (BigInt), as common/money.py does on the server.
"use strict";
const Units = (() => {
  const scale = (decimals) => 10n ** BigInt(decimals);

  // "6.2", 4 → 62000n; null where it is no number of at most that many decimals.
  function parse(text, decimals) {
    const match = /^\s*(\d*)(?:\.(\d*))?\s*$/.exec(text || "");
    if (!match || !(match[1] || match[2]) || (match[2] || "").length > decimals) return null;
    return BigInt(match[1] || "0") * scale(decimals) + BigInt((match[2] || "").padEnd(decimals, "0") || "0");
  }

  // 62000n, 4 → "6.2000"
  function format(units, decimals) {
    const digits = String(units < 0n ? -units : units).padStart(decimals + 1, "0");
    const whole = digits.slice(0, digits.length - decimals);
    return `${units < 0n ? "-" : ""}${whole}${decimals ? `.${digits.slice(-decimals)}` : ""}`;
  }

  // 62000n, 4 → "6.2"
  const trim = (units, decimals) => (decimals ? format(units, decimals).replace(/\.?0+$/, "") : format(units, 0));

  // Cash in cents, rounded towards zero, thousands apart: "1,234.56"
  function money(units, decimals) {
    const cents = ((units < 0n ? -units : units) * 100n) / scale(decimals);
    const whole = String(cents / 100n).replace(/\B(?=(\d{3})+$)/g, ",");
    return `${units < 0n && cents ? "−" : ""}${whole}.${String(cents % 100n).padStart(2, "0")}`;
  }

  return { parse, format, trim, money, scale };
})();
