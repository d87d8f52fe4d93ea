// A code that came in the address, behind the #, where no server sees it: put it into the field.
"use strict";
(() => {
  const code = decodeURIComponent(location.hash.slice(1));
  const field = document.getElementById("code");
  if (!code || !field) return;
  field.value = code.slice(0, 40);
  history.replaceState(null, "", location.pathname);
})();
