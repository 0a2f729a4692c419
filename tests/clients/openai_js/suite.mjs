// OpenAI's client for JavaScript, as it is, against two running stacks: one with the echo
// engine, and one that wants a key and answers slowly, one question at a time.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";
import { z } from "zod";

const { ECHO_URL, NARROW_URL, KEY, ORIGIN_URL } = process.env;

const open = (url, apiKey, more = {}) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, timeout: 30_000, ...more });
const client = open(ECHO_URL, "none");
const narrow = open(NARROW_URL, KEY);

const Gate = z.object({ open: z.boolean(), people: z.number() });
const GATE = '{"open": true, "people": 2}';
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4IacBAALAAQ/aQIG5AAAAAElFTkSuQmCC";
const LONG = Array(120).fill("word").join(" "); // six seconds of the slow stack

const text = (said) => ({ type: "text", text: said });
const image = (url, detail = "auto") => ({ type: "image_url", image_url: { url, detail } });
const user = (...content) => ({
  role: "user",
  content: content.length === 1 && typeof content[0] === "string" ? content[0] : content,
});
const ask = (content, more = {}) =>
  client.chat.completions.create({ model: "echo", messages: [user(...[content].flat())], ...more });
const said = (answer) => answer.choices[0].message.content;
const slow = (content, more = {}, options = {}) =>
  narrow.chat.completions.create({ model: "slow", messages: [user(content)], ...more }, options);
const tool = {
  type: "function",
  function: { name: "open_gate", parameters: z.toJSONSchema(Gate) },
};
const respond = (input, more = {}) => client.responses.create({ model: "echo", input, ...more });
const isSoonFree = async () => {
  const began = Date.now();
  assert.equal(said(await slow("next", {}, { maxRetries: 5 })), "next");
  assert.ok(Date.now() - began < 4_000);
};

test("models are listed", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.deepEqual(names, ["echo"]);
});

test("a model is found by its name", async () => {
  assert.equal((await client.models.retrieve("echo")).object, "model");
});

test("a model that is not there is not found", async () => {
  await assert.rejects(client.models.retrieve("gpt-4o"), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    return true;
  });
});

test("a question is answered", async () => {
  const answer = await ask("Is the gate open?");
  assert.equal(said(answer), "Is the gate open?");
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, 8);
});

for (const role of ["system", "developer"])
  test(`instructions may come as ${role}`, async () => {
    const messages = [{ role, content: "Be brief." }, user("Well?")];
    const answer = await client.chat.completions.create({ model: "echo", messages });
    assert.equal(said(answer), "Well?");
    assert.equal(answer.usage.prompt_tokens, 3);
  });

test("a conversation goes on with the client's own message", async () => {
  const messages = [user("What is there?")];
  messages.push((await client.chat.completions.create({ model: "echo", messages })).choices[0].message);
  messages.push(user("And now?"));
  assert.equal(said(await client.chat.completions.create({ model: "echo", messages })), "And now?");
});

test("a stream is text that adds up", async () => {
  let all = "";
  let reason;
  for await (const chunk of await ask("one two three", { stream: true })) {
    all += chunk.choices[0].delta.content ?? "";
    reason = chunk.choices[0].finish_reason ?? reason;
  }
  assert.deepEqual([all, reason], ["one two three", "stop"]);
});

test("a stream tells its usage last", async () => {
  const chunks = [];
  const stream = await ask("one two", { stream: true, stream_options: { include_usage: true } });
  for await (const chunk of stream) chunks.push(chunk);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.total_tokens, 4);
});

test("the stream helper tells what happens", async () => {
  let heard = "";
  const stream = client.chat.completions.stream({ model: "echo", messages: [user("one two")] });
  stream.on("content.delta", ({ delta }) => (heard += delta));
  assert.equal(await stream.finalContent(), "one two");
  assert.equal(heard, "one two");
});

test("a stream may be passed on and read again", async () => {
  const stream = client.chat.completions.stream({ model: "echo", messages: [user("one two")] });
  const again = ChatCompletionStream.fromReadableStream(stream.toReadableStream());
  assert.equal(await again.finalContent(), "one two");
});

test("an answer is parsed into a schema", async () => {
  const answer = await client.chat.completions.parse({
    model: "echo",
    messages: [user(GATE)],
    response_format: zodResponseFormat(Gate, "gate"),
  });
  assert.deepEqual(answer.choices[0].message.parsed, { open: true, people: 2 });
});

test("a streamed answer is parsed too", async () => {
  const stream = client.chat.completions.stream({
    model: "echo",
    messages: [user(GATE)],
    response_format: zodResponseFormat(Gate, "gate"),
  });
  const answer = await stream.finalChatCompletion();
  assert.deepEqual(answer.choices[0].message.parsed, { open: true, people: 2 });
});

test("half a parsed answer is an error of the client", async () => {
  const asked = client.chat.completions.parse({
    model: "echo",
    messages: [user(GATE)],
    response_format: zodResponseFormat(Gate, "gate"),
    max_tokens: 2,
  });
  await assert.rejects(asked, OpenAI.LengthFinishReasonError);
});

test("JSON is JSON", async () => {
  const answer = await ask(GATE, { response_format: { type: "json_object" } });
  assert.equal(JSON.parse(said(answer)).people, 2);
});

test("a picture may come along as base64", async () => {
  const answer = await ask([image(`data:image/png;base64,${PIXEL}`), text("What is it?")]);
  assert.match(said(answer), /^What is it\?\n\[image 1: 1x1 mean RGB \d+ \d+ \d+\]$/);
});

test("a picture may lie on a web server", async () => {
  assert.match(said(await ask([image(ORIGIN_URL), text("What is it?")])), /mean RGB 20 180 60/);
});

for (const url of ["demo", "camera://demo", "demo:?size=320x180&fps=5"])
  test(`a camera may stand where a picture stands: ${url}`, async () => {
    const answer = await ask([image(url), text("What do you see?")]);
    assert.equal(said(answer).match(/\[image /g).length, 1);
    assert.equal(answer.lookout.frames.length, 1);
  });

test("a camera may give several frames", async () => {
  const answer = await ask([image("demo?frames=3&span=1s"), text("What moves?")]);
  assert.equal(said(answer).match(/\[image /g).length, 3);
});

test("several pictures keep their order", async () => {
  const answer = await ask([
    image(ORIGIN_URL),
    image(`data:image/png;base64,${PIXEL}`),
    image("demo"),
    text("Which?"),
  ]);
  assert.deepEqual(said(answer).match(/\d+x\d+/g), ["64x48", "1x1", "1280x720"]);
});

test("low detail is a small picture", async () => {
  const answer = await ask([image("demo", "low"), text("What?")]);
  assert.match(said(answer), /: 512x288 mean/);
});

test("several answers are numbered", async () => {
  const answer = await ask("one two", { n: 3 });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1, 2]);
});

test("each token may say how likely it was", async () => {
  const answer = await ask("one two", { logprobs: true, top_logprobs: 2 });
  const tokens = answer.choices[0].logprobs.content;
  assert.equal(tokens.map((token) => token.token).join(""), "one two");
});

test("what clients like to send is taken", async () => {
  const more = { seed: 7, temperature: 0.5, top_p: 0.9, presence_penalty: 0.5, user: "somebody" };
  assert.equal(said(await ask("one two", more)), "one two");
});

test("stop ends the answer", async () => {
  assert.equal(said(await ask("one two three", { stop: [" two"] })), "one");
});

for (const field of ["max_tokens", "max_completion_tokens"])
  test(`an answer is cut at ${field}`, async () => {
    const answer = await ask("one two three", { [field]: 2 });
    assert.deepEqual([said(answer), answer.choices[0].finish_reason], ["one two", "length"]);
  });

test("a tool is called and its result sent back", async () => {
  const messages = [user(GATE)];
  const asked = { model: "echo", messages, tools: [tool] };
  const answer = await client.chat.completions.create({ ...asked, tool_choice: "required" });
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(answer.choices[0].finish_reason, "tool_calls");
  assert.deepEqual(JSON.parse(call.function.arguments), { open: true, people: 2 });
  messages.push(answer.choices[0].message);
  messages.push({ role: "tool", tool_call_id: call.id, content: "It is open." }, user("Thanks"));
  assert.equal(said(await client.chat.completions.create(asked)), "Thanks");
});

test("the arguments of a call are parsed", async () => {
  const answer = await client.chat.completions.parse({
    model: "echo",
    messages: [user(GATE)],
    tools: [zodFunction({ name: "open_gate", parameters: Gate })],
    tool_choice: "required",
  });
  const [call] = answer.choices[0].message.tool_calls;
  assert.deepEqual(call.function.parsed_arguments, { open: true, people: 2 });
});

test("the runner calls the tool by itself", async () => {
  const opened = [];
  const runner = client.chat.completions.runTools(
    {
      model: "echo",
      messages: [user(GATE)],
      tool_choice: { type: "function", function: { name: "open_gate" } },
      tools: [
        zodFunction({
          name: "open_gate",
          parameters: Gate,
          function: (gate) => opened.push(gate.people),
        }),
      ],
    },
    { maxChatCompletions: 2 },
  );
  await runner.finalFunctionToolCallResult();
  assert.deepEqual(opened, [2]);
});

test("the raw answer has its headers", async () => {
  const { data, response, request_id } = await ask("Hi").withResponse();
  assert.equal(said(data), "Hi");
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(request_id, response.headers.get("x-request-id"));
  assert.ok(request_id);
});

test("fifty questions at once each get their own answer", async () => {
  const asked = Array.from({ length: 50 }, (_, number) => `I am ${number}`);
  assert.deepEqual((await Promise.all(asked.map((one) => ask(one)))).map(said), asked);
});

// The Responses API

test("responses: a string is answered", async () => {
  const answer = await respond("one two three");
  assert.deepEqual([answer.output_text, answer.status], ["one two three", "completed"]);
  assert.equal(answer.usage.total_tokens, 6);
});

test("responses: a camera is seen", async () => {
  const content = [
    { type: "input_text", text: "What do you see?" },
    { type: "input_image", image_url: "camera://demo", detail: "auto" },
  ];
  const answer = await respond([{ role: "user", content }]);
  assert.match(answer.output_text, /\[image 1: 1280x720/);
});

test("responses: a conversation goes on from an answer", async () => {
  const first = await respond("one two");
  const second = await respond("three", { previous_response_id: first.id });
  assert.deepEqual([second.output_text, second.usage.input_tokens], ["three", 5]);
});

test("responses: an answer is kept until it is deleted", async () => {
  const { id } = await respond("Remember me");
  assert.equal((await client.responses.retrieve(id)).output_text, "Remember me");
  await client.responses.delete(id);
  await assert.rejects(client.responses.retrieve(id), OpenAI.NotFoundError);
});

test("responses: a stream is told in order", async () => {
  const events = [];
  for await (const event of await respond("one two", { stream: true })) events.push(event);
  assert.equal(events[0].type, "response.created");
  assert.equal(events.at(-1).type, "response.completed");
  const deltas = events.filter((event) => event.type === "response.output_text.delta");
  assert.equal(deltas.map((event) => event.delta).join(""), "one two");
});

test("responses: the stream helper gathers the answer", async () => {
  const stream = client.responses.stream({ model: "echo", input: "one two" });
  assert.equal((await stream.finalResponse()).output_text, "one two");
});

test("responses: an answer is parsed into a schema", async () => {
  const answer = await client.responses.parse({
    model: "echo",
    input: GATE,
    text: { format: zodTextFormat(Gate, "gate") },
  });
  assert.deepEqual(answer.output_parsed, { open: true, people: 2 });
});

test("responses: a function is called and its result sent back", async () => {
  const tools = [{ type: "function", strict: false, ...tool.function }];
  const asked = await respond(GATE, { tools, tool_choice: "required" });
  const [call] = asked.output;
  assert.deepEqual([call.type, call.name], ["function_call", "open_gate"]);
  const result = { type: "function_call_output", call_id: call.call_id, output: "It is open." };
  const input = [user(GATE), call, result, user("Thanks")];
  assert.equal((await respond(input, { tools })).output_text, "Thanks");
});

test("responses: what is wrong is refused where it stands", async () => {
  await assert.rejects(respond("Hi", { temperature: 3 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "temperature");
    return true;
  });
});

// Errors, waits and broken connections

test("what is wrong is a bad request that says where", async () => {
  await assert.rejects(ask("Hi", { temperature: 3 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.code, error.param, error.status], ["bad_request", "temperature", 400]);
    assert.equal(error.type, "invalid_request_error");
    assert.ok(error.requestID);
    return true;
  });
});

test("a camera that is not there is not found", async () => {
  await assert.rejects(ask([image("camera://attic")]), OpenAI.NotFoundError);
});

test("without the key nobody is let in", async () => {
  await assert.rejects(open(NARROW_URL, "wrong-wrong-wrong").models.list(), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, "invalid_api_key");
    return true;
  });
});

test("with the key everybody is let in", async () => {
  assert.equal(said(await slow("Hi")), "Hi");
});

test("one question too many is a rate limit error", async () => {
  const stream = await slow(LONG, { stream: true });
  await stream[Symbol.asyncIterator]().next();
  const errors = [];
  await new Promise((resolve) => {
    const refused = (error) => errors.push(error) === 3 && resolve();
    for (let number = 0; number < 4; number++) slow("Hi").catch(refused);
  });
  stream.controller.abort();
  for (const error of errors) assert.ok(error instanceof OpenAI.RateLimitError);
  assert.ok(Number(errors[0].headers.get("retry-after")) >= 1);
  await isSoonFree();
});

test("the client comes back by itself", async () => {
  const asked = [1, 2, 3, 4].map((number) => slow(`I am ${number}`, {}, { maxRetries: 10 }));
  assert.deepEqual((await Promise.all(asked)).map(said), ["I am 1", "I am 2", "I am 3", "I am 4"]);
});

test("who aborts a question frees the model", async () => {
  const controller = new AbortController();
  const asked = slow(LONG, {}, { signal: controller.signal });
  setTimeout(() => controller.abort(), 300);
  await assert.rejects(asked, OpenAI.APIUserAbortError);
  await isSoonFree();
});

test("who leaves a stream frees the model", async () => {
  for await (const chunk of await slow(LONG, { stream: true })) {
    assert.ok(chunk.id);
    break;
  }
  await isSoonFree();
});

test("who does not wait frees the model", async () => {
  await assert.rejects(slow(LONG, {}, { timeout: 400 }), OpenAI.APIConnectionTimeoutError);
  await isSoonFree();
});

test("where nobody listens there is no connection", async () => {
  await assert.rejects(open("http://127.0.0.1:1", "none").models.list(), OpenAI.APIConnectionError);
});
