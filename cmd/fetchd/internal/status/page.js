"use strict";
const form = document.querySelector("form");
const lost = document.getElementById("lost");
let asked = 0;
async function refresh() {
  const turn = ++asked;
  let next = null;
  try {
    const answer = await fetch(location.href, {cache: "no-store"});
    const text = await answer.text();
    next = new DOMParser().parseFromString(text, "text/html");
  } catch {}
  if (turn !== asked) return;
  const live = next && next.getElementById("live");
  lost.hidden = Boolean(live);
  if (!live) return;
  const old = document.getElementById("live");
  const focus = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
  old.replaceWith(live);
  for (const link of focus ? live.querySelectorAll("a") : []) {
    if (link.getAttribute("href") === focus) link.focus({preventScroll: true});
  }
  document.title = next.title;
  document.querySelector("link[rel=icon]").replaceWith(next.querySelector("link[rel=icon]"));
}
setInterval(() => { if (!document.hidden && getSelection().isCollapsed) refresh(); }, 10000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
if (form) {
  let later = 0;
  const search = () => {
    history.replaceState(null, "", "?" + new URLSearchParams(new FormData(form)));
    refresh();
  };
  form.addEventListener("input", () => { clearTimeout(later); later = setTimeout(search, 200); });
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
}
