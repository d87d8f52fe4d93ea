// Exact numbers in the page: text ↔ scaled integers (BigInt), as common/money.py does on the server.
"use strict";
const Units = (() => {
  const scale = (decimals) => 10n ** BigInt(decimals);

  // "6.2", 4 → 62000n, and "62e-1" too; null where it is no number, or needs more decimals than that.
  function parse(text, decimals) {
    const match = /^\s*\+?(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,2}))?\s*$/i.exec((text || "").slice(0, 64));
    if (!match || !(match[1] || match[2])) return null;
    const [whole, part] = [match[1] || "", match[2] || ""];
    const shift = decimals - part.length + Number(match[3] || 0);
    const digits = BigInt(whole + part);
    if (shift >= 0) return digits * scale(shift);
    return digits % scale(-shift) ? null : digits / scale(-shift);
  }

  // 62000n, 4 → "6.2000"
  function format(units, decimals) {
    const digits = String(units < 0n ? -units : units).padStart(decimals + 1, "0");
    const whole = digits.slice(0, digits.length - decimals);
    return `${units < 0n ? "-" : ""}${whole}${decimals ? `.${digits.slice(-decimals)}` : ""}`;
  }

  // 62000n, 4 → "6.2"
  const trim = (units, decimals) => (decimals ? format(units, decimals).replace(/\.?0+$/, "") : format(units, 0));

  // Cash with all its digits, two decimals at least, thousands apart: "1,234.5678"
  function exact(units, decimals) {
    const [whole, part = ""] = trim(units, decimals).split(".");
    return `${whole.replace("-", "−").replace(/\B(?=(\d{3})+$)/g, ",")}.${part.padEnd(2, "0")}`;
  }

  // Cash in cents, rounded towards zero, thousands apart: "1,234.56"
  function money(units, decimals) {
    const cents = ((units < 0n ? -units : units) * 100n) / scale(decimals);
    const whole = String(cents / 100n).replace(/\B(?=(\d{3})+$)/g, ",");
    return `${units < 0n && cents ? "−" : ""}${whole}.${String(cents % 100n).padStart(2, "0")}`;
  }

  return { parse, format, trim, exact, money, scale };
})();
