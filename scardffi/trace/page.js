"use strict";
// The page of a trace. It shows some of the calls at a time, so that a trace of 100 000 calls stays usable. All text from
// the trace is set as textContent.
(() => {
    const {calls, notes, bars} = JSON.parse(document.getElementById("trace").textContent);
    const SLOW = 1, FAILED = 2, SHOWN = 200;
    const list = document.querySelector("ol"), form = document.querySelector("form"), told = document.querySelector("output");
    const [search, slow, failed] = form.querySelectorAll("input");
    const [before, after] = form.querySelectorAll("button");
    let chosen = [], first = 0;

    const element = (name, kind, text) => {
        const made = document.createElement(name);
        made.className = kind;
        made.textContent = text;
        return made;
    };

    const item = (place) => {
        const [when, took, thread, flags, line, its] = calls[place];
        const made = element("li", `${flags & SLOW ? "slow" : ""} ${flags & FAILED ? "failed" : ""}`, "");
        const head = element("p", "when", `${place + 1} · ${when} s · `);
        head.append(element("span", "took", `${took}${flags & SLOW ? " slow" : ""}`), ` · thread ${thread}`);
        made.append(head, element("p", "call", line));
        if (its >= 0) made.append(element("pre", "", notes[its]));
        return made;
    };

    const show = () => {
        list.replaceChildren(...chosen.slice(first, first + SHOWN).map(item));
        before.disabled = first === 0;
        after.disabled = first + SHOWN >= chosen.length;
        told.textContent = chosen.length === 0 ? "no call" :
            `${first + 1} to ${Math.min(first + SHOWN, chosen.length)} of ${chosen.length}`;
    };

    const choose = () => {
        const wanted = search.value.trim().toLowerCase();
        const needed = (slow.checked ? SLOW : 0) | (failed.checked ? FAILED : 0);
        chosen = [];
        calls.forEach(([, , , flags, line, its], place) => {
            if ((flags & needed) !== needed) return;
            if (wanted && !line.toLowerCase().includes(wanted) && !(its >= 0 && notes[its].toLowerCase().includes(wanted)))
                return;
            chosen.push(place);
        });
        first = 0;
        show();
    };

    const goTo = (place) => {
        search.value = "";
        slow.checked = failed.checked = false;
        choose();
        first = Math.max(0, Math.min(place, calls.length - 1) - 2);
        show();
        form.scrollIntoView();
    };

    const drawing = document.querySelector("svg");
    bars.forEach(([column, height, place, isSlow]) => {
        const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        for (const [name, value] of Object.entries({x: column, y: 100 - height, width: 1, height})) bar.setAttribute(name, value);
        if (isSlow) bar.setAttribute("class", "slow");
        bar.addEventListener("click", () => goTo(place));
        drawing.append(bar);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", choose);
    before.addEventListener("click", () => { first = Math.max(0, first - SHOWN); show(); });
    after.addEventListener("click", () => { first += SHOWN; show(); });
    choose();
})();
