// A layer of the picture: the original, the result or a map, as tiles of several zoom levels, which a stream fills.

import { frames } from "./stream.js";

const SIDE = 512;  // px of the screen, of a tile
const MOST = 160;  // tiles of a layer that are kept

export class Layer {
  constructor(name, block, changed) {
    this.name = name;
    this.block = block;
    this.changed = changed;  // called with (layer) when there is something to draw or say
    this.clear();
  }

  clear() {
    this.stop();
    this.levels = new Map();  // level -> Map of "row,column" -> canvas
    this.asked = "";
    this.settings = "";
    this.done = new Map();  // level -> Set of "row,column" of blocks that are as the settings want them
    this.progress = null;
  }

  stop() {
    this.controller?.abort();
    this.controller = null;
    this.progress = null;
  }

  // Ask for what is missing of the pixels {top, left, bottom, right}; what is shown stays until it is replaced.
  async show(query, level, area, size, failed) {
    const settings = JSON.stringify(query);
    if (settings !== this.settings) {
      this.settings = settings;
      this.done = new Map();
      this.asked = "";
    }
    const need = this.missing(level, area, size);
    const asked = JSON.stringify([settings, level, need]);
    if (!need) { if (asked !== this.asked) { this.stop(); this.asked = asked; this.changed(this); } return; }
    if (asked === this.asked && this.controller) return;
    this.stop();
    this.asked = asked;
    const controller = this.controller = new AbortController();
    this.progress = { done: 0, total: 1 };
    this.changed(this);
    const begin = performance.now();
    let first = true;
    try {
      for await (const { head, body } of frames("layer", { ...query, layer: this.name, level, ...need }, controller.signal)) {
        if (this.controller !== controller) return;
        this.put(level, head, body);
        this.progress = head;
        if (first) performance.measure(`${this.name} first`, { start: begin });
        first = false;
        this.changed(this);
      }
      performance.measure(`${this.name} all`, { start: begin });
    } catch (error) {
      if (!controller.signal.aborted) { this.asked = ""; failed(error); }
    }
    if (this.controller === controller) { this.controller = null; this.progress = null; this.changed(this); }
  }

  // The rectangle of pixels around all blocks that aren't done, or null.
  missing(level, area, size) {
    const done = this.done.get(level) ?? new Set(), block = this.block;
    let found = null;
    for (let row = Math.floor(area.top / block); row * block < area.bottom; row++) {
      for (let column = Math.floor(area.left / block); column * block < area.right; column++) {
        if (done.has(`${row},${column}`)) continue;
        found ??= { top: row, left: column, bottom: row, right: column };
        found = { top: Math.min(found.top, row), left: Math.min(found.left, column),
          bottom: Math.max(found.bottom, row), right: Math.max(found.right, column) };
      }
    }
    return found && { top: found.top * block, left: found.left * block,
      bottom: Math.min(size[0], (found.bottom + 1) * block), right: Math.min(size[1], (found.right + 1) * block) };
  }

  put(level, head, body) {
    const picture = new ImageData(new Uint8ClampedArray(body.buffer), head.width, head.height);
    const tiles = this.levels.get(level) ?? this.levels.set(level, new Map()).get(level);
    for (let row = Math.floor(head.top / SIDE); row * SIDE < head.top + head.height; row++) {
      for (let column = Math.floor(head.left / SIDE); column * SIDE < head.left + head.width; column++) {
        const key = `${row},${column}`;
        if (!tiles.has(key)) {
          const tile = document.createElement("canvas");
          tile.width = tile.height = SIDE;
          tiles.set(key, tile);
        }
        tiles.get(key).getContext("2d").putImageData(picture, head.left - column * SIDE, head.top - row * SIDE);
      }
    }
    const done = this.done.get(level) ?? this.done.set(level, new Set()).get(level);
    const block = this.block / 2 ** level;
    for (let row = head.top / block; row * block < head.top + head.height; row++) {
      for (let column = head.left / block; column * block < head.left + head.width; column++) done.add(`${row},${column}`);
    }
  }

  // Draw what there is, coarse levels first; `place` maps image pixels to the screen.
  draw(context, level, place) {
    const { scale, x, y, width, height } = place;
    for (const at of [...this.levels.keys()].filter((each) => each >= level).sort((a, b) => b - a)) {
      const side = SIDE * 2 ** at * scale;
      for (const [key, tile] of this.levels.get(at)) {
        const [row, column] = key.split(",").map(Number);
        const left = x + column * side, top = y + row * side;
        if (left < width && top < height && left + side > 0 && top + side > 0) {
          context.drawImage(tile, Math.round(left), Math.round(top), Math.round(left + side) - Math.round(left),
            Math.round(top + side) - Math.round(top));
        }
      }
    }
    this.forget(level);
  }

  forget(level) {
    let number = 0;
    for (const tiles of this.levels.values()) number += tiles.size;
    if (number <= MOST) return;
    for (const each of [...this.levels.keys()]) {
      if (each !== level || this.levels.get(each).size > MOST) { this.levels.delete(each); this.done.delete(each); }
    }
    this.asked = "";
  }
}
