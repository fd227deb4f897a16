"use strict";
// What a model or a user wrote becomes text nodes only, never markup.
const at = (id) => document.getElementById(id);
const made = (tag, text) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  return node;
};
let models = ["default"];
let threshold = {};
let latest = 0;
let timer = 0;

const headers = () => {
  const found = { "content-type": "application/json" };
  if (at("token").value) found.authorization = `Bearer ${at("token").value}`;
  return found;
};

async function asked(path, body) {
  const answer = await fetch(path, body === undefined ? { headers: headers() } : {
    method: "POST", headers: headers(), body: JSON.stringify(body),
  });
  if (answer.status === 401) at("token-line").hidden = false;
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error || `status ${answer.status}`);
  return value;
}

// Offsets count characters of Unicode; JavaScript's strings count UTF-16 units.
function highlighted(found) {
  const paragraph = made("p");
  const letters = Array.from(found.text);
  let place = 0;
  for (const entity of found.entities || []) {
    if (entity.start < place) continue; // inside another: it is in the JSON
    paragraph.append(letters.slice(place, entity.start).join(""));
    const mark = made("mark", letters.slice(entity.start, entity.end).join(""));
    mark.append(made("span", entity.label));
    paragraph.append(mark);
    place = entity.end;
  }
  paragraph.append(letters.slice(place).join(""));
  return paragraph;
}

function shown(name, found, milliseconds) {
  const section = made("section");
  section.append(made("h2", `${name}, ${milliseconds.toFixed(0)} ms`), highlighted(found));
  const list = made("ol");
  const ranking = found.intents || (found.intent ? [found.intent] : []);
  for (const intent of ranking.slice(0, 5)) {
    const item = made("li");
    const meter = made("meter");
    meter.value = intent.confidence;
    meter.setAttribute("aria-label", `confidence of ${intent.name}`);
    item.append(made("span", intent.name), made("span", intent.confidence.toFixed(3)), meter);
    list.append(item);
  }
  section.append(list);
  if (found.out_of_scope !== undefined) {
    const sign = found.out_of_scope ? "out of scope: yes" : "out of scope: no";
    const why = `${sign} (score ${found.out_of_scope_score.toFixed(3)}, threshold ${threshold[name].toFixed(3)})`;
    const line = made("p", why);
    if (found.out_of_scope) line.className = "out";
    section.append(line);
  }
  return section;
}

async function parse() {
  const text = at("text").value;
  const turn = ++latest;
  const chosen = at("both").checked ? models : [at("models").value || models[0]];
  try {
    const answers = [];
    for (const name of chosen) {
      const began = performance.now();
      const found = await asked(`v1/models/${encodeURIComponent(name)}/parse`, { text });
      answers.push([name, found, performance.now() - began]);
    }
    if (turn !== latest) return;
    at("answers").replaceChildren(...answers.map((each) => shown(...each)));
    at("json").textContent = JSON.stringify(answers.length > 1 ? answers.map((each) => each[1]) : answers[0][1], null, 2);
    const intent = answers[0][1].intent;
    at("status").textContent = intent ? `${intent.name}, ${(100 * intent.confidence).toFixed(0)} %` : "answered";
  } catch (error) {
    if (turn === latest) at("status").textContent = error.message;
  }
  const body = JSON.stringify({ text }).replaceAll("'", "\\u0027");
  const path = chosen[0] === models[0] ? "v1/parse" : `v1/models/${encodeURIComponent(chosen[0])}/parse`;
  const token = at("token").value ? ` -H "Authorization: Bearer $TOKEN"` : "";
  at("curl").textContent = `curl -s '${new URL(path, document.baseURI).href.replaceAll("'", "%27")}'${token} -H 'content-type: application/json' -d '${body}'`;
}

// Examples of the model card, as buttons.
function offered(texts) {
  const buttons = texts.slice(0, 6).map((text) => {
    const button = made("button", text);
    button.type = "button";
    button.addEventListener("click", () => { at("text").value = text; parse(); });
    return button;
  });
  at("examples").replaceChildren("Try: ", ...buttons);
  at("examples").hidden = !texts.length;
}

// A link to a sentence: /#text=play%20some%20jazz
function linked() {
  const [key, value] = location.hash.slice(1).split("=");
  if (key === "text" && value) at("text").value = decodeURIComponent(value);
}

async function begin() {
  linked();
  try {
    models = (await asked("v1/models")).models;
    const texts = new Set();
    for (const name of models) {
      const card = await asked(`v1/models/${encodeURIComponent(name)}`);
      threshold[name] = card.threshold;
      card.examples.forEach((text) => texts.add(text));
    }
    offered([...texts]);
  } catch (error) {
    at("status").textContent = error.message;
    return;
  }
  at("model").textContent = models.join(", ");
  at("models").replaceChildren(...models.map((name) => made("option", name)));
  at("choice").hidden = models.length < 2;
  await parse();
}

window.addEventListener("hashchange", () => { linked(); parse(); });
at("form").addEventListener("submit", (event) => { event.preventDefault(); parse(); });
at("text").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(parse, 120); });
at("models").addEventListener("change", parse);
at("both").addEventListener("change", parse);
at("token").addEventListener("change", begin);
at("copy").addEventListener("click", () => navigator.clipboard.writeText(at("curl").textContent));
begin();
