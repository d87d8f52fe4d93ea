// What the console's pages do beyond HTML: all and none of a list of boxes, printing.
"use strict";
(() => {
  for (const buttons of document.querySelectorAll("[data-marks]")) {
    buttons.hidden = false;
    buttons.addEventListener("click", (event) => {
      const state = event.target.dataset.mark;
      if (!state) return;
      for (const box of document.querySelectorAll(`input[type=checkbox][name="${buttons.dataset.marks}"]`)) {
        box.checked = state === "all";
      }
    });
  }
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
})();
