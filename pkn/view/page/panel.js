// What is said of a pixel, as it arrives.

import { frames } from "./stream.js";

const DECADES = 3;  // of weights, from invisible to full

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

// Up to four digits of small numbers, whole large ones.
export const number = (value) => Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));

const numbers = (values) => values.map(number).join(", ");

// A kernel as a picture: orange the stronger the larger its weight, blue below 0.
function pictureOf({ side, weights }) {
  const bytes = Uint8Array.from(atob(weights), (each) => each.charCodeAt(0));
  const values = new Float32Array(bytes.buffer), largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  const picture = element("canvas"), pixels = new ImageData(side, side);
  picture.width = picture.height = side;
  values.forEach((value, n) => {
    const strength = Math.max(0, 1 + Math.log10(Math.abs(value) / largest || 1e-12) / DECADES);
    pixels.data.set([...(value < 0 ? [80, 150, 255] : [255, 140, 40]), Math.round(235 * strength)], 4 * n);
  });
  picture.getContext("2d").putImageData(pixels, 0, 0);
  return { picture, largest };
}

export class Panel {
  constructor(root, viewer, failed) {
    Object.assign(this, { root, viewer, failed });
    this.hint = root.firstElementChild;
  }

  clear() {
    this.controller?.abort();
    this.at = null;
    this.viewer.kernel = null;
    this.root.replaceChildren(this.hint);
  }

  async show(query, row, column, channels) {
    this.controller?.abort();
    const controller = this.controller = new AbortController();
    this.at = [row, column];
    this.channels = channels;
    const wait = element("p", "computing …");
    wait.className = "hint";
    this.root.setAttribute("aria-busy", "true");
    this.root.replaceChildren(element("p", `Row ${row}, column ${column}`), wait);
    try {
      for await (const { head } of frames("pixel", { ...query, row, column }, controller.signal)) {
        if (this.controller !== controller) return;
        this.say(head, row, column, wait);
      }
      wait.remove();
      this.root.removeAttribute("aria-busy");
    } catch (error) {
      if (!controller.signal.aborted) { wait.remove(); this.failed(error); }
    }
  }

  say(said, row, column, wait) {
    const add = (...parts) => wait.before(...parts);
    if ("before" in said) {
      add(this.table([["before", said.before], ["after", said.after]]));
      if (said.skipped) add(element("p", "It is transparent or missing: it carries no weight, and stays as it is."));
      else this.addKernels(said, row, column, add);
    } else if ("decisive" in said) this.addDecision(said, add);
    else if ("std" in said) this.addCertainty(said, add);
    else if ("certificate" in said) {
      add(element("h3", `Certificate of the ${said.around} around`));
      add(element("ul", null, ...said.certificate.map((line) => element("li", line))));
    }
  }

  table(rows) {
    const table = element("table");
    if (this.channels === 3) {
      table.append(element("tr", null, element("th"), ...["R", "G", "B"].map((name) => {
        const cell = element("th", name);
        cell.scope = "col";
        return cell;
      })));
    }
    for (const [name, values] of rows) {
      const head = element("th", name);
      head.scope = "row";
      table.append(element("tr", null, head, ...values.map((value) => element("td", number(value)))));
    }
    return table;
  }

  addKernels(said, row, column, add) {
    const figures = said.kernels.map((kernel) => {
      const { picture, largest } = pictureOf(kernel), name = kernel.name ? `${kernel.name}: ` : "";
      kernel.picture = picture;
      const text = `${name}about ${kernel.pixels.toFixed(0)} pixels, own weight ${number(kernel.own)}`;
      const shown = element("canvas");
      shown.width = shown.height = kernel.side;
      shown.getContext("2d").drawImage(picture, 0, 0);
      shown.setAttribute("role", "img");
      shown.setAttribute("aria-label", `Weights of the pixels around, ${text}; the largest weight is ${number(largest)}`);
      return element("figure", null, shown, element("figcaption", text));
    });
    const box = element("div", null, ...figures);
    box.className = "kernels";
    add(element("h3", "An average of the pixels around"), box);
    const hint = element("p", "Orange: the weights, full at the largest, fading out at a thousandth of it.");
    hint.className = "hint";
    add(hint, this.kernelChoice(said.kernels, row, column));
    for (const [name, shares] of Object.entries(said.levels)) {
      const rows = shares.map((share, level) => {
        const meter = element("meter"), text = `${(100 * share).toFixed(0)} %`;
        meter.value = share;
        meter.setAttribute("aria-label", `${name} level ${level}: ${text}`);
        return element("tr", null, element("th", `level ${level}`), element("td", null, meter), element("td", text));
      });
      add(element("h3", `From which level of the pyramid${name ? `, ${name}` : ""}`), element("table", null, ...rows));
    }
  }

  kernelChoice(kernels, row, column) {
    const choice = element("select", null, ...kernels.map(({ name }, n) => new Option(name || "shown", n)), new Option("hidden", ""));
    const show = () => {
      const kernel = choice.value === "" ? null : kernels[Number(choice.value)];
      this.viewer.kernel = kernel && { picture: kernel.picture, row, column };
      this.viewer.draw();
    };
    choice.addEventListener("change", show);
    show();
    return element("label", "Weights over the image ", choice);
  }

  addDecision({ decisive, meaning, changes, after }, add) {
    if (!decisive) return;
    const all = values => values.map(number).join(", ");
    add(element("h3", "What decides"));
    add(element("p", `The map ${decisive}${meaning ? ` (${meaning})` : ""}: lower by a quarter of its range, `
      + `the pixel would be ${all(changes[0])} instead of ${all(after)}; higher, ${all(changes[1])}.`));
  }

  addCertainty(said, add) {
    const percent = `${(100 * said.coverage).toFixed(0)} %`, rows = [["deviation", said.std]];
    if (said.low) rows.push([`${percent}, from`, said.low], [`${percent}, to`, said.high]);
    add(element("h3", "How sure"), this.table(rows));
    const text = said.low ? `${percent} of clean pixels of such images lie in that interval.` : "No interval: none was measured for this network.";
    const hint = element("p", `${text} In ${said.kind === "flat" ? "a flat region" : said.kind === "edge" ? "an edge" : "texture"}; `
      + `noise ${number(said.noise)}, ${said.draws} draws of it.`);
    hint.className = "hint";
    add(hint);
  }
}
