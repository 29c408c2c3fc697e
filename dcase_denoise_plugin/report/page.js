"use strict";

// Light or dark: the reader's own choice wins over the system's, and is remembered where the browser allows that.
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const remembered = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  button.addEventListener("click", () => {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* the choice lasts until the page is closed */ }
  });
})();

// Tables: a click on a heading sorts by its column, a second one turns the order; what has no value comes last.
for (const table of document.querySelectorAll("table")) {
  const headings = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  headings.forEach((heading, column) => {
    heading.querySelector("button")?.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending", numeric = heading.classList.contains("number");
      headings.forEach(other => other.hasAttribute("aria-sort") && other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = row => row.cells[column].dataset.value;
      const order = (a, b) => numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
      body.append(...[...body.rows].sort((a, b) => {
        const [left, right] = [value(a), value(b)];
        if (left === "" || right === "") return (left === "") - (right === "");
        return (up ? 1 : -1) * order(left, right);
      }));
    });
  });
}

// Players: one button a sound and one slider for all; changing the sound keeps the place, so that before and after can be compared by ear.
for (const clip of document.querySelectorAll(".clip:has(audio)")) {
  const player = clip.querySelector(".player"), sounds = [...player.querySelectorAll("audio")], heads = [...clip.querySelectorAll(".playhead")];
  const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: "any", value: 0 });
  slider.setAttribute("aria-label", "place in the clip");
  let current = null;
  const place = () => (current && current.duration ? current.currentTime / current.duration : Number(slider.value));
  const draw = share => {
    slider.value = share;
    heads.forEach(head => { head.style.left = `calc(${100 * share}% - ${share}px)`; });
  };
  const follow = () => {
    draw(place());
    if (current && !current.paused) requestAnimationFrame(follow);
  };
  const seek = share => {
    draw(share);
    if (current && current.duration) current.currentTime = share * current.duration;
  };
  const start = (sound, share) => {
    current = sound;
    clip.classList.add("playing");
    const go = () => {
      sound.currentTime = share * sound.duration;
      sound.play().then(follow, () => { });
    };
    if (sound.readyState > 0) go();
    else { sound.addEventListener("loadedmetadata", go, { once: true }); sound.preload = "auto"; sound.load(); }
  };
  const buttons = sounds.map(sound => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: sound.dataset.name });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      if (!sound.paused) { sound.pause(); return; }
      const share = place() >= 0.999 ? 0 : place();
      document.querySelectorAll("audio").forEach(other => other.pause());
      start(sound, share);
    });
    sound.addEventListener("play", () => button.setAttribute("aria-pressed", "true"));
    sound.addEventListener("pause", () => button.setAttribute("aria-pressed", "false"));
    sound.addEventListener("ended", () => { button.setAttribute("aria-pressed", "false"); draw(1); });
    sound.removeAttribute("controls");
    return button;
  });
  player.prepend(...buttons, slider);
  slider.addEventListener("input", () => { clip.classList.add("playing"); seek(Number(slider.value)); });
  clip.querySelectorAll(".picture").forEach(picture => picture.addEventListener("click", event => {
    const box = picture.getBoundingClientRect(), share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    clip.classList.add("playing");
    seek(share);
  }));
}
