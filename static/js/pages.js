// Small conveniences of the session's other pages. Everything works without them.
"use strict";
(() => {
  document.body.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
})();
