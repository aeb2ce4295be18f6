"use strict";
document.querySelectorAll(".compare").forEach(compare => {
  const slider = compare.querySelector("input");
  const move = () => compare.style.setProperty("--at", slider.value + "%");
  slider.addEventListener("input", move);
  move();
});

const pages = [...document.querySelectorAll(".page")], chooser = document.querySelector(".chooser");
if (chooser) {
  const slider = chooser.querySelector("input"), output = chooser.querySelector("output");
  const show = number => {
    slider.value = number;
    pages.forEach((page, n) => { page.hidden = n + 1 !== Number(slider.value); });
    output.textContent = `Page ${slider.value} of ${pages.length}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  slider.addEventListener("input", () => show(slider.value));
  chooser.querySelectorAll("button").forEach(button =>
    button.addEventListener("click", () => show(Number(slider.value) + Number(button.dataset.step))));
  show(slider.value);
}

// A picture opens in a dialog, since browsers don't follow links to data: addresses.
const dialog = document.querySelector("dialog"), full = dialog.querySelector("img");
document.querySelectorAll(".grid .picture").forEach(button => button.addEventListener("click", () => {
  const picture = button.querySelector("img");
  full.src = picture.currentSrc || picture.src;
  full.alt = picture.alt;
  dialog.showModal();
}));
dialog.addEventListener("click", () => dialog.close());

document.querySelectorAll(".why").forEach(section => {
  const pixels = section.querySelector(".pixels"), panels = section.querySelectorAll(".panels figure");
  const dots = [...pixels.querySelectorAll("button")];
  const choose = chosen => dots.forEach((dot, n) => {
    dot.setAttribute("aria-pressed", n === chosen);
    panels[n].hidden = n !== chosen;
  });
  const distance = (dot, event) => {
    const box = dot.getBoundingClientRect();
    return Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
  };
  pixels.querySelector("img").src = section.closest(".page").querySelector(".after").src;
  pixels.addEventListener("click", event => {
    const found = dots.indexOf(event.target);
    const nearest = dots.reduce((best, dot, n) => distance(dot, event) < distance(dots[best], event) ? n : best, 0);
    choose(found < 0 ? nearest : found);  // a dot that was chosen by key has no place
  });
  const off = dot => Math.hypot(parseFloat(dot.style.left) - 50, parseFloat(dot.style.top) - 50);
  choose(dots.reduce((best, dot, n) => off(dot) < off(dots[best]) ? n : best, 0));
});

// Browsers without ::details-content print folded parts if they are open.
const folds = [...document.querySelectorAll("details")];
let opened = [];
addEventListener("beforeprint", () => {
  opened = folds.filter(fold => !fold.open);
  opened.forEach(fold => { fold.open = true; });
});
addEventListener("afterprint", () => opened.forEach(fold => { fold.open = false; }));
