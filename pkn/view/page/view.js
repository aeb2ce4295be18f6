// The page: controls, and what they ask the viewer for.

import { Viewer } from "./canvas.js";
import { Panel, number } from "./panel.js";
import { frames, json } from "./stream.js";

const $ = (id) => document.getElementById(id);
const LIVE = 90;  // ms after a slider's move
const LONG = 6000;  // ms without a picture, after which it is said why
let about = null, legends = null, block = 256, opened = null, since = 0;

history.replaceState(null, "", location.pathname);  // the token needn't stand in the address

const failed = (error) => { if (error.name !== "AbortError") $("error").textContent = error.message; };

const viewer = new Viewer($("canvas"), {
  failed,
  pick: (row, column) => panel.show(query(), row, column, about.channels),
  moved: (cross) => {
    $("zoom").value = `${viewer.zoom > 0 ? Math.round(100 * viewer.scale) : number(100 * viewer.scale)} %`;
    if (cross) $("status").textContent = `row ${viewer.cross[0]}, column ${viewer.cross[1]}`;
  },
  divided: (share) => { $("divider").value = 100 * share; sides(share); },
  progressed,
});
const panel = new Panel($("pixel"), viewer, failed);

function sides(share) {
  $("before").hidden = share < 0.12;
  $("after").hidden = share > 0.88;
}

function query() {
  return { file: $("file").value, page: $("page").value || "0", luma: $("luma").value, chroma: $("chroma").value,
    stretched: $("stretched").checked ? "1" : "0" };
}

function progressed() {
  const progress = viewer.size && viewer.progress, busy = Boolean(progress);
  const was = $("stage").dataset.state === "busy";
  $("stage").dataset.state = busy || !viewer.size ? "busy" : "ready";
  if (busy) {
    if (!was) since = performance.now();
    $("progress").max = progress.total;
    $("progress").value = progress.done;
    const long = performance.now() - since > LONG && !progress.done;
    $("status").textContent = long ? "computing; the first time kernels are compiled, which takes a minute or two …" : "computing what is on the screen …";
  } else if (was && viewer.size) {
    $("status").textContent = "what is on the screen is computed";
    $("error").textContent = "";
    if (!legends) loadLegends();
  }
}
setInterval(progressed, 2000);

async function open() {
  opened?.abort();
  const signal = (opened = new AbortController()).signal;
  $("error").textContent = "";
  $("stage").dataset.state = "busy";
  $("status").textContent = "opening …";
  panel.clear();
  try {
    about = await json("about", query(), signal);
    setPages(about.pages);
    $("stretched").checked = about.stretched;
    $("stretched").disabled = !about.ranged;
    $("chroma-row").hidden = about.strengths < 2;
    $("luma-label").textContent = about.strengths < 2 ? "Strength" : "Luma";
    const [height, width] = about.size, kind = about.channels === 3 ? "RGB" : "grey";
    $("facts").textContent = `${width} × ${height} px, ${kind} ${about.dtype}, noise ${about.noise} (estimated), network ${about.net}`;
    document.title = `${about.name} – pkn view`;
    $("canvas").setAttribute("aria-label", `${about.name}, ${width} by ${height} pixels, before on the left and after on the right of a line`);
    legends = null;
    fillMaps();
    viewer.open(about, query(), block);
  } catch (error) {
    failed(error);
  }
}

async function loadLegends() {  // after the first picture, for it takes the machine a second
  legends = [];
  try {
    legends = await json("legends", query(), opened.signal);
    fillMaps();
  } catch (error) {
    failed(error);
  }
}

function setPages(pages) {
  $("page-label").hidden = pages < 2;
  if ($("page").options.length !== pages) {
    $("page").replaceChildren(...Array.from({ length: pages }, (_, n) => new Option(String(n + 1), String(n))));
  }
}

function fillMaps() {
  $("map").replaceChildren(new Option("none", ""), ...(legends ?? []).map(({ name }) => new Option(name.replaceAll("_", " "), name)));
  showMap();
}

function showMap() {
  const legend = legends?.find(({ name }) => name === $("map").value);
  $("legend").hidden = !legend;
  if (viewer.size) viewer.setMap(legend?.name ?? "");
  if (!legend) return;
  const unit = legend.unit ? ` [${legend.unit}]` : "", context = $("legend-bar").getContext("2d");
  $("legend-text").textContent = `${legend.name.replaceAll("_", " ")}${unit}: ${legend.meaning}`;
  const step = 256 / legend.colours.length;
  legend.colours.forEach((colour, n) => { context.fillStyle = colour; context.fillRect(n * step, 0, step + 1, 1); });
  $("legend-ticks").replaceChildren(...legend.ticks.map((tick) => Object.assign(document.createElement("span"), { textContent: tick })));
  $("legend-bar").setAttribute("aria-label", `Colours from ${legend.ticks[0]} to ${legend.ticks.at(-1)}${unit}`);
}

function changed() {
  for (const name of ["luma", "chroma"]) $(`${name}-value`).value = Number($(name).value).toFixed(2);
  if (!viewer.size) return;
  viewer.setQuery(query(), LIVE);
  if (panel.at) panel.clear();
  viewer.draw();
}

async function take(kind) {
  const buttons = $("exports").querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  $("export-status").textContent = "computing …";
  try {
    for await (const { head, body } of frames("export", { ...query(), kind, suffix: $("suffix").value })) {
      if (head.error) throw new Error(head.error);
      if (head.name) save(head.name, body);
      else $("export-status").textContent = head.total > 1 ? `computing ${head.done} of ${head.total} …` : "computing …";
    }
  } catch (error) {
    $("export-status").textContent = "";
    failed(error);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

function save(name, body) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([body]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  $("export-status").textContent = `${name}, ${(body.length / 1e6).toFixed(2)} MB`;
}

$("file").addEventListener("change", () => { $("page").replaceChildren(); open(); });
$("page").addEventListener("change", open);
$("luma").addEventListener("input", changed);
$("chroma").addEventListener("input", changed);
$("stretched").addEventListener("change", changed);
$("map").addEventListener("change", showMap);
$("opacity").addEventListener("input", () => {
  viewer.opacity = Number($("opacity").value);
  $("opacity-value").value = `${Math.round(100 * viewer.opacity)} %`;
  viewer.draw();
});
$("divider").addEventListener("input", () => viewer.setDivider(Number($("divider").value) / 100));
$("zoom-in").addEventListener("click", () => viewer.step(1));
$("zoom-out").addEventListener("click", () => viewer.step(-1));
$("fit").addEventListener("click", () => viewer.fit());
$("full").addEventListener("click", () => viewer.zoomTo(0));
$("exports").addEventListener("click", (event) => { if (event.target.dataset.kind) take(event.target.dataset.kind); });

const found = await json("files").catch(failed);
if (found) {
  block = found.block;
  $("file").replaceChildren(...found.files.map((name, n) => new Option(name, String(n))));
  $("file-label").hidden = found.files.length < 2;
  await open();
}
