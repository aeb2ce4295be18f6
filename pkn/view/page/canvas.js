// The picture: layers on a canvas, with pan, zoom, the line between before and after, a cross and a kernel.

import { Layer } from "./layers.js";
import { listen } from "./pointers.js";

const LARGEST = 5;  // 32 pixels of the screen for one of the image
const WAIT = 60;  // ms, until a view that stands still is asked for

export class Viewer {
  constructor(canvas, { pick, moved, divided, failed, progressed }) {
    Object.assign(this, { canvas, pick, moved, divided, failed, progressed });
    this.context = canvas.getContext("2d");
    this.divider = 0.5;
    this.map = null;
    this.opacity = 0.8;
    this.size = null;
    new ResizeObserver(() => this.resize()).observe(canvas);
    listen(canvas, this);
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  open(about, query, block) {
    for (const layer of this.layers ?? []) layer.stop();
    const changed = () => { this.draw(); this.progressed(); };
    this.block = block;
    this.original = new Layer("original", block, changed);
    this.denoised = new Layer("denoised", block, changed);
    this.map = null;
    this.changed = changed;
    Object.assign(this, { size: about.size, query, cross: null, kernel: null });
    this.resize();
    this.fit();
  }

  get layers() { return [this.original, this.denoised, this.map].filter(Boolean); }

  resize() {
    const ratio = devicePixelRatio || 1, box = this.canvas.getBoundingClientRect();
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    if (this.size) this.settle();
  }

  get farthest() {  // the zoom at which the whole image is seen
    const fits = Math.min(this.canvas.width / this.size[1], this.canvas.height / this.size[0]);
    return Math.max(-8, Math.min(0, Math.floor(Math.log2(fits))));
  }

  get scale() { return 2 ** this.zoom; }

  get level() { return Math.max(0, Math.floor(-this.zoom)); }

  get place() {
    const { width, height } = this.canvas;
    return { scale: this.scale, width, height, x: Math.round(width / 2 - this.centre[1] * this.scale),
      y: Math.round(height / 2 - this.centre[0] * this.scale) };
  }

  fit() { this.zoom = this.farthest; this.centre = this.size.map((side) => side / 2); this.settle(); }

  zoomTo(zoom) { this.zoom = this.within(zoom); this.settle(); }

  // Another power of two; the pixel at a place of the screen, if given, stays there.
  step(by, at = null) {
    const zoom = (by > 0 ? Math.floor : Math.ceil)(this.zoom) + by;
    if (at) this.moveTo({ zoom: this.zoom, centre: this.centre, at }, zoom, at);
    else this.zoomTo(zoom);
  }

  // A zoom at which the pixel that was at a place of the screen is at another one.
  moveTo({ zoom, centre, at }, next, to) {
    const box = this.canvas.getBoundingClientRect(), middle = [box.left + box.width / 2, box.top + box.height / 2];
    this.zoom = this.within(next);
    this.centre = [1, 0].map((n, axis) =>
      centre[axis] + this.ratio * ((at[n] - middle[n]) / 2 ** zoom - (to[n] - middle[n]) / this.scale));
    this.settle();
  }

  within(zoom) { return Math.max(this.farthest, Math.min(LARGEST, zoom)); }

  settle() {
    this.centre = this.centre?.map((at, n) => {
      const half = [this.canvas.height, this.canvas.width][n] / this.scale / 2, side = this.size[n];
      return 2 * half >= side ? side / 2 : Math.min(side - half, Math.max(half, at));
    }) ?? this.size.map((side) => side / 2);
    this.moved();
    this.draw();
    this.refresh();
  }

  setMap(name) {
    this.map?.stop();
    this.map = name ? new Layer(name, this.block, this.changed) : null;
    this.draw();
    this.refresh(0);
  }

  setQuery(query, wait = WAIT) { this.query = query; this.refresh(wait); }

  get area() {
    const { x, y, scale, width, height } = this.place;
    return { top: Math.max(0, Math.floor(-y / scale)), left: Math.max(0, Math.floor(-x / scale)),
      bottom: Math.min(this.size[0], Math.ceil((height - y) / scale)),
      right: Math.min(this.size[1], Math.ceil((width - x) / scale)) };
  }

  refresh(wait = WAIT) {
    clearTimeout(this.timer);
    this.waiting = true;
    this.timer = setTimeout(() => {
      this.waiting = false;
      for (const layer of this.layers) {
        const query = layer === this.original ? { ...this.query, luma: 1, chroma: 1 } : this.query;  // it has no strength
        layer.show(query, this.level, this.area, this.size, this.failed);
      }
      this.progressed();
    }, wait);
  }

  get progress() {  // of what is being computed: {done, total}, or null
    if (this.waiting) return { done: 0, total: 1 };
    const running = this.layers.filter((layer) => layer.progress).map((layer) => layer.progress);
    return running.length ? running.reduce((a, b) => ({ done: a.done + b.done, total: a.total + b.total })) : null;
  }

  draw() {
    if (this.drawing || !this.size) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      const { context, place, level } = this, { width, height } = place, line = this.divider * width;
      context.clearRect(0, 0, width, height);
      context.save();
      context.beginPath();
      context.rect(place.x, place.y, this.size[1] * place.scale, this.size[0] * place.scale);
      context.clip();
      context.imageSmoothingEnabled = place.scale < 1;
      this.original.draw(context, level, place);
      context.beginPath();
      context.rect(line, 0, width - line, height);
      context.clip();
      this.denoised.draw(context, level, place);
      if (this.map) {
        context.globalAlpha = this.opacity;
        this.map.draw(context, level, place);
      }
      context.restore();
      if (this.kernel) this.drawKernel(context, place);
      if (this.cross) this.drawCross(context, place);
      this.drawLine(context, line, height);
    });
  }

  drawLine(context, line, height) {
    const wide = 2 * this.ratio;
    context.fillStyle = "#000";
    context.fillRect(line - wide, 0, 2 * wide, height);
    context.fillStyle = "#fff";
    context.fillRect(line - wide / 2, 0, wide, height);
    context.beginPath();
    context.arc(line, height / 2, 9 * this.ratio, 0, 2 * Math.PI);
    context.fillStyle = "rgba(40, 40, 40, .6)";
    context.fill();
    context.lineWidth = wide;
    context.strokeStyle = "#fff";
    context.stroke();
  }

  drawCross(context, { x, y, scale }) {
    const [row, column] = this.cross, cx = x + (column + 0.5) * scale, cy = y + (row + 0.5) * scale;
    const gap = Math.max(4 * this.ratio, scale / 2), long = gap + 9 * this.ratio;
    for (const [colour, wide] of [["#000", 4], ["#fff", 1.6]]) {
      context.strokeStyle = colour;
      context.lineWidth = wide * this.ratio;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(cx + dx * gap, cy + dy * gap);
        context.lineTo(cx + dx * long, cy + dy * long);
      }
      context.stroke();
    }
  }

  drawKernel(context, { x, y, scale }) {
    const { picture, row, column } = this.kernel, reach = (picture.width - 1) / 2;
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(picture, x + (column - reach) * scale, y + (row - reach) * scale, picture.width * scale,
      picture.height * scale);
  }

  pixel([clientX, clientY]) {
    const box = this.canvas.getBoundingClientRect(), { x, y, scale } = this.place;
    const at = [((clientY - box.top) * this.ratio - y) / scale, ((clientX - box.left) * this.ratio - x) / scale];
    const pixel = at.map(Math.floor);
    return pixel.every((each, n) => each >= 0 && each < this.size[n]) ? pixel : null;
  }

  click(at) {
    const pixel = this.pixel(at);
    if (pixel) { this.setCross(...pixel); this.pick(...pixel); }
  }

  setCross(row, column) {
    this.cross = [row, column].map((at, n) => Math.max(0, Math.min(this.size[n] - 1, at)));
    const { top, left, bottom, right } = this.area, [r, c] = this.cross;
    if (r < top || r >= bottom || c < left || c >= right) { this.centre = [r + 0.5, c + 0.5]; this.settle(); }
    this.draw();
  }

  setDivider(share) { this.divider = Math.max(0, Math.min(1, share)); this.divided(this.divider); this.draw(); }

  key(event) {
    if (!this.size || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1;
    const by = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] }[event.key];
    const [row, column] = this.cross ?? this.centre.map(Math.floor);
    if (by) { this.setCross(row + by[0], column + by[1]); this.moved(true); }
    else if (event.key === "Enter" || event.key === " ") { this.setCross(row, column); this.pick(...this.cross); }
    else if (event.key === "+" || event.key === "=") this.step(1);
    else if (event.key === "-") this.step(-1);
    else if (event.key === "0") this.fit();
    else if (event.key === "1") this.zoomTo(0);
    else return;
    event.preventDefault();
  }
}
