// Ask a camera one question, with nothing but Node: `node ask.mjs "Is the gate open?"`

const base = process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:9000/v1";
const question = process.argv[2] ?? "What do you see?";

const response = await fetch(`${base}/chat/completions`, {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    Authorization: `Bearer ${process.env.OPENAI_API_KEY ?? "none"}`,
  },
  body: JSON.stringify({
    messages: [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "demo" } },
          { type: "text", text: question },
        ],
      },
    ],
  }),
});

const answer = await response.json();
if (!response.ok) {
  console.error(answer.error.message);
  process.exit(1);
}
console.log(answer.choices[0].message.content);
