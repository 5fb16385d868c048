/* The page at work: the viewer, the way from the table to the picture and back, and the review. Nothing is sent. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const things = new Map([...data.lesions, ...data.left_out].map((thing) => [thing.label, thing]));
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);

  // ---------------------------------------------------------------- viewer
  const OPACITY = 0.75;
  let viewer = null; // NiiVue, once it shows the scan

  const hasWebgl = () => {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl2"));
    } catch {
      return false;
    }
  };

  function withoutViewer() {
    viewer = null;
    const box = document.getElementById("viewer");
    if (box) box.hidden = true;
    const notice = document.getElementById("no-viewer");
    if (notice) notice.hidden = false;
    for (const button of all("[data-take]")) button.hidden = true;
    one(".see")?.classList.add("plain");
    document.body.dataset.viewer = "none";
  }

  function colours() {
    // A colour for each label; 0 is clear.
    const last = Math.max(0, ...things.keys());
    const map = { R: [], G: [], B: [], A: [], I: [], labels: [] };
    for (let label = 0; label <= last; label += 1) {
      const thing = things.get(label);
      const rgb = thing ? [1, 3, 5].map((at) => parseInt(thing.colour.slice(at, at + 2), 16)) : [0, 0, 0];
      map.R.push(rgb[0]);
      map.G.push(rgb[1]);
      map.B.push(rgb[2]);
      map.A.push(thing ? 255 : 0);
      map.I.push(label);
      map.labels.push(thing ? thing.name : "");
    }
    return map;
  }

  async function startViewer() {
    const scan = document.getElementById("scan");
    const labels = document.getElementById("labels");
    if (!scan) return;
    if (!hasWebgl() || typeof niivue === "undefined") {
      withoutViewer();
      return;
    }
    try {
      const view = new niivue.Niivue({
        isRadiologicalConvention: true,
        backColor: [0, 0, 0, 1],
        crosshairColor: [1, 0.82, 0.1, 0.8],
        crosshairWidth: 1,
        crosshairGap: 14,
        isColorbar: false,
        multiplanarShowRender: 0,
        multiplanarLayout: 2,
        isCornerOrientationText: true,
        fontColor: [1, 1, 1, 1],
        dragAndDropEnabled: false,
        isOrientationTextVisible: data.sides_known,
        logLevel: "error",
      });
      await view.attachToCanvas(document.getElementById("canvas"));
      const [low, high] = data.windows.brain;
      const image = await niivue.NVImage.loadFromBase64({
        base64: scan.textContent,
        name: "scan.nii.gz",
        colormap: "gray",
        cal_min: low,
        cal_max: high,
      });
      view.addVolume(image);
      if (labels) {
        const overlay = await niivue.NVImage.loadFromBase64({ base64: labels.textContent, name: "labels.nii.gz" });
        overlay.setColormapLabel(colours());
        overlay.opacity = OPACITY;
        view.addVolume(overlay);
      }
      view.setSliceType(view.sliceTypeMultiplanar);
      view.onLocationChange = located;
      viewer = view;
      document.body.dataset.viewer = "ready";
      if (data.lesions.length) jump(data.lesions[0].label, false);
    } catch (error) {
      console.warn("the viewer could not start", error);
      withoutViewer();
    }
  }

  function located(location) {
    // Where the cross is now: what lies there, in words, and its row.
    const [x, y, z] = location.mm;
    const values = location.values || [];
    const label = values.length > 1 ? Math.round(values[1].value) : 0;
    const thing = things.get(label);
    const hu = values.length ? `${Math.round(values[0].value)} HU` : "";
    const where = document.getElementById("where");
    where.replaceChildren(`LPS ${[-x, -y, z].map((mm) => mm.toFixed(1)).join(", ")} mm, ${hu}. `);
    if (thing) {
      where.append(`${thing.name}. `);
      if (thing.id !== null) {
        const link = document.createElement("a");
        link.href = `#row-${thing.id}`;
        link.textContent = "to its row";
        where.append(link);
      }
    }
    mark(label);
  }

  function mark(label) {
    for (const row of all("tr[data-label]")) {
      const here = Number(row.dataset.label) === label;
      row.classList.toggle("here", here);
      if (here) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  function jump(label, scroll = true) {
    const thing = things.get(label);
    if (!thing) return;
    mark(label);
    if (!viewer) {
      const card = document.getElementById(`lesion-${thing.id}`) || document.getElementById("slices");
      if (scroll) card.scrollIntoView();
      return;
    }
    viewer.scene.crosshairPos = viewer.mm2frac(thing.at);
    viewer.drawScene();
    viewer.createOnLocationChange();
    if (scroll) document.getElementById("viewer").scrollIntoView({ block: "nearest" });
  }

  function press(group, button) {
    for (const other of all("button", group)) other.setAttribute("aria-pressed", String(other === button));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.jump) jump(Number(button.dataset.jump));
    if (!viewer) return;
    if (button.dataset.window) {
      [viewer.volumes[0].cal_min, viewer.volumes[0].cal_max] = data.windows[button.dataset.window];
      viewer.updateGLVolume();
      press(button.parentElement, button);
    }
    if (button.dataset.planes) {
      const kind = { all: "Multiplanar", axial: "Axial", coronal: "Coronal", sagittal: "Sagittal" };
      viewer.setSliceType(viewer[`sliceType${kind[button.dataset.planes]}`]);
      press(button.parentElement, button);
    }
    if (button.dataset.step) {
      const planes = one("[data-planes][aria-pressed=true]").dataset.planes;
      const step = Number(button.dataset.step);
      const way = { coronal: [0, step, 0], sagittal: [step, 0, 0] }[planes] || [0, 0, step];
      viewer.moveCrosshairInVox(...way);
    }
  });

  document.getElementById("coloured")?.addEventListener("change", (event) => {
    if (!viewer || viewer.volumes.length < 2) return;
    viewer.setOpacity(1, event.target.checked ? OPACITY : 0);
  });

  // ---------------------------------------------------------------- review
  const form = document.getElementById("review");
  let unsaved = false;

  const chosen = (box) => one("input[type=radio]:checked", box).value;
  const text = (box, name) => one(`[name=${name}]`, box).value.trim();

  function seeds(box) {
    // The points of a split, each three numbers; throws what is wrong in words.
    const points = all("[name=seed]", box)
      .map((input) => input.value.trim())
      .filter(Boolean)
      .map((written) => written.split(/[\s,;]+/).map(Number));
    if (points.some((point) => point.length !== 3 || point.some((value) => !Number.isFinite(value))))
      throw new Error("a point is three numbers in mm: left, back, up");
    if (points.length < 2) throw new Error("a split needs a point within each part, two at least");
    if (new Set(points.map(String)).size < points.length) throw new Error("two points are the same");
    return points;
  }

  function decisionOf(box) {
    // What is to be saved of a lesion; null where nothing was decided; throws what is missing in words.
    const decision = chosen(box);
    const comment = text(box, "comment");
    if (!decision) {
      if (comment) throw new Error("a comment is saved with a decision: choose one, such as accept");
      return null;
    }
    const made = { lesion: Number(box.dataset.lesion), decision };
    if (decision === "reject") {
      made.reason = text(box, "reason");
      if (!made.reason) throw new Error("say what it is instead");
    }
    if (decision === "move") {
      const place = text(box, "place");
      if (!place) throw new Error("say where it lies");
      [made.site, made.side] = place.split("|");
    }
    if (decision === "split") made.seeds_lps_mm = seeds(box);
    if (comment) made.comment = comment;
    return made;
  }

  function show(box) {
    // What a decision needs, and what it is in words, here and in the table.
    const decision = chosen(box);
    for (const part of all("[data-for]", box)) part.hidden = part.dataset.for !== decision;
    const said = { "": "as it is", accept: "accepted", reject: "rejected", move: "moved", split: "split" }[decision];
    one(".decided", box).textContent = said;
    box.classList.toggle("made", Boolean(decision));
    const link = one(`[data-state="${box.dataset.lesion}"]`);
    if (link) link.textContent = decision ? said : "review";
    one(".problem", box).textContent = "";
    const count = all(".decide").filter((other) => chosen(other)).length;
    const written = count ? `${count} decision${count > 1 ? "s" : ""}, not saved yet.` : "No decision yet.";
    document.getElementById("saved").textContent = written;
    unsaved = count > 0;
  }

  function review() {
    // The whole of review.json; throws where a decision is not complete, and says it beside the lesion.
    const decisions = [];
    let first = null;
    for (const box of all(".decide")) {
      const problem = one(".problem", box);
      problem.textContent = "";
      try {
        const made = decisionOf(box);
        if (made) decisions.push(made);
      } catch (error) {
        problem.textContent = error.message;
        first = first || box;
      }
    }
    if (first) {
      first.open = true;
      first.scrollIntoView({ block: "center" });
      throw new Error(`Not saved: lesion ${first.dataset.lesion} lacks something.`);
    }
    if (!decisions.length) throw new Error("Not saved: there is no decision.");
    const reader = text(form, "reader");
    if (!reader) {
      one("[name=reader]", form).focus();
      throw new Error("Not saved: who are you? A name or initials are enough.");
    }
    return {
      schema: "calcscan-review/1",
      report_sha256: data.report_sha256,
      reader,
      at: new Date().toISOString(),
      comment: text(form, "comment") || null,
      decisions,
    };
  }

  function save(event) {
    event.preventDefault();
    const saved = document.getElementById("saved");
    try {
      const made = review();
      const file = new Blob([`${JSON.stringify(made, null, 2)}\n`], { type: "application/json" });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = "review.json";
      document.body.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      unsaved = false;
      const count = made.decisions.length;
      saved.textContent = `${count} decision${count > 1 ? "s" : ""} saved in review.json, in your downloads.`;
    } catch (error) {
      saved.textContent = error.message;
    }
  }

  function takeCross(button) {
    if (!viewer) return;
    const [x, y, z] = viewer.frac2mm(viewer.scene.crosshairPos);
    const input = one("[name=seed]", button.previousElementSibling);
    input.value = [-x, -y, z].map((mm) => mm.toFixed(2)).join(", ");
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function morePoints(button) {
    const box = button.closest("[data-for]");
    const part = all(".seed", box).at(-1).cloneNode(true);
    one("label", part).firstChild.textContent = `part ${all(".seed", box).length + 1} `;
    one("input", part).value = "";
    button.before(part);
  }

  for (const box of all(".decide")) {
    box.addEventListener("change", () => show(box));
    box.addEventListener("input", () => {
      if (chosen(box)) unsaved = true;
    });
    box.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button && "take" in button.dataset) takeCross(button);
      if (button && "more" in button.dataset) morePoints(button);
    });
  }
  form?.addEventListener("submit", save);
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });

  // What is wider than the window scrolls, by keyboard too.
  function scrollers() {
    for (const box of all(".wide")) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }
  window.addEventListener("resize", scrollers);
  document.addEventListener("toggle", scrollers, true);
  scrollers();

  // A link to a rule or a lesion opens what it leads to.
  function opened() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.tagName === "DETAILS") target.open = true;
    const inner = target.classList.contains("card") ? one("details", target) : null;
    if (inner) inner.open = true;
  }
  window.addEventListener("hashchange", opened);
  opened();
  startViewer();
})();
