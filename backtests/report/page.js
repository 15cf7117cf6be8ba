"use strict";

// Tables: a click on a heading sorts, a second one reverses the order.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const column = heading.cellIndex;
    const body = heading.closest("table").tBodies[0];
    const numeric = heading.classList.contains("number");
    const upward = heading.getAttribute("aria-sort") === (numeric ? "descending" : "ascending") ? numeric : !numeric;
    const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    const compare = numeric ? (a, b) => Number(key(a)) - Number(key(b)) : (a, b) => key(a).localeCompare(key(b), "en");
    const rows = [...body.rows].sort(compare);
    body.append(...(upward ? rows : rows.reverse()));
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", upward ? "ascending" : "descending");
  });
}

// A link to a term opens the list that has it; not every browser does.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target?.closest("details:not([open])");
  if (!folded) return;
  folded.open = true;
  target.scrollIntoView();
}
window.addEventListener("hashchange", openTarget);
openTarget();
// On paper nothing can be opened.
window.addEventListener("beforeprint", () => document.querySelector(".glossary details")?.setAttribute("open", ""));

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const small = window.matchMedia("(max-width: 600px)");

// The chart library is in the page compressed: a quarter of its size, and the text appears before it runs.
async function library() {
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent.trim()), (letter) => letter.charCodeAt(0));
  const text = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const script = document.createElement("script");
  script.textContent = text;
  document.head.append(script);
}

// "--name" stands for a colour of the theme in use.
function coloured(value, theme) {
  if (typeof value === "string") return value.startsWith("--") ? theme.getPropertyValue(value).trim() : value;
  if (Array.isArray(value)) return typeof value.at(-1) === "number" || value.at(-1) === null ? value : value.map((one) => coloured(one, theme));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, coloured(one, theme)]));
}

function layout(given, theme) {
  const colour = (name) => theme.getPropertyValue(name).trim();
  const axis = (own) => ({ gridcolor: colour("--rule"), zerolinecolor: colour("--rule"), linecolor: colour("--rule"), automargin: true, fixedrange: small.matches, ...own });
  const made = {
    autosize: true, margin: { l: 8, r: 8, t: 8, b: 8 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--ink") },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, hoverlabel: { bgcolor: colour("--card"), font: { color: colour("--ink") } },
    ...given, xaxis: axis(given.xaxis), yaxis: axis(given.yaxis),
  };
  if (given.yaxis2) made.yaxis2 = axis(given.yaxis2);
  return made;
}

function draw(place) {
  const figure = JSON.parse(document.querySelector(`[data-figure="${place.id}"]`).textContent);
  const theme = getComputedStyle(document.documentElement);
  const { data, layout: given } = coloured(figure, theme);
  Plotly.react(place, data, layout(given, theme), { responsive: true, displayModeBar: false, doubleClick: "reset" });
}

async function pictures() {
  await library();
  const places = [...document.querySelectorAll(".figure")];
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) { seen.unobserve(target); draw(target); }
  }, { rootMargin: "600px" });
  for (const place of places) seen.observe(place);
  dark.addEventListener("change", () => places.filter((place) => place.data).forEach(draw));
  window.addEventListener("beforeprint", () => places.forEach(draw));
}

// After the first paint, so that reading need not wait.
if (document.querySelector(".figure")) requestAnimationFrame(() => setTimeout(pictures));
