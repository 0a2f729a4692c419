// Show alerts as they come, with nothing but Node: `node alerts.mjs`; in a browser, EventSource
// does all of this by itself (with `?token=KEY` in the URL, where a key is asked for).

const base = process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:9000/v1";
const key = process.env.OPENAI_API_KEY ?? "none";
let since = process.argv.includes("--all") ? "0" : "";

for (;;) {
  const headers = { Authorization: `Bearer ${key}`, ...(since && { "Last-Event-ID": since }) };
  const response = await fetch(`${base}/alerts/stream`, { headers });
  if (!response.ok) {
    console.error((await response.json()).error.message);
    process.exit(1);
  }
  try {
    for await (const { id, event } of messages(response.body)) {
      since = id; // so that nothing is missed, whatever happens
      console.log(event.at, event.type, event.camera, event.rule?.question ?? event.error);
    }
  } catch (error) {
    console.error(error.message);
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

async function* messages(body) {
  let text = "";
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const id = /^id: (.*)$/m.exec(block)?.[1];
      if (id) yield { id, event: JSON.parse(/^data: (.*)$/m.exec(block)[1]) };
    }
  }
}
