// Requests: JSON, and streams of frames (two lengths, a JSON header, bytes).

async function answered(path, query, signal) {
  const address = query ? `${path}?${new URLSearchParams(query)}` : path;
  const answer = await fetch(address, { signal, credentials: "same-origin" });
  if (answer.ok) return answer;
  const text = await answer.text();
  let why = text;
  try { why = JSON.parse(text).error; } catch { /* plain text */ }
  throw new Error(why);
}

export async function json(path, query, signal) {
  return (await answered(path, query, signal)).json();
}

export async function* frames(path, query, signal) {
  const reader = (await answered(path, query, signal)).body.getReader();
  let chunks = [], have = 0;
  const take = async (size) => {
    while (have < size) {
      const { done, value } = await reader.read();
      if (done) return null;
      chunks.push(value);
      have += value.length;
    }
    const out = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const part = chunks[0].subarray(0, size - at);
      out.set(part, at);
      at += part.length;
      if (part.length === chunks[0].length) chunks.shift(); else chunks[0] = chunks[0].subarray(part.length);
    }
    have -= size;
    return out;
  };
  for (;;) {
    const lengths = await take(8);
    if (!lengths) return;
    const view = new DataView(lengths.buffer);
    const head = await take(view.getUint32(0));
    const body = head && await take(view.getUint32(4));
    if (!body) throw new Error("the answer was cut off; expected the rest of it (is pkn view still running?)");
    yield { head: JSON.parse(new TextDecoder().decode(head)), body };
  }
}
