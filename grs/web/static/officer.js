// An extra for those who work with the keyboard all day; every page works without it.
"use strict";
(() => {
  const rows = [...document.querySelectorAll(".list tbody tr")];
  const hint = document.querySelector(".keys");
  if (hint) hint.hidden = false;
  let at = -1;
  const go = (step) => {
    at = Math.max(0, Math.min(rows.length - 1, at + step));
    rows[at]?.querySelector("a").focus();
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = event.target.closest(".list tbody tr");
    if (row) at = rows.indexOf(row);
    const acts = {
      j: () => go(1),
      k: () => go(-1),
      x: () => rows[at]?.querySelector("input[type=checkbox]")?.click(),
      "/": () => document.getElementById("q")?.focus(),
    };
    if (acts[event.key]) {
      event.preventDefault();
      acts[event.key]();
    }
  });
})();
