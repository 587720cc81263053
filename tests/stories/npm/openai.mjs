// The npm `openai` package against a running gateway: prints "ok" for every fact that holds, throws at the first that does not.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL, apiKey, model, poorKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Say hello." }];
const ok = (fact) => console.log(`ok ${fact}`);

const listed = [];
for await (const one of client.models.list()) listed.push(one.id);
assert.ok(listed.includes(model));
assert.equal((await client.models.retrieve(model)).id, model);
ok("models");

const plain = await client.chat.completions.create({ model, messages, max_tokens: 8 });
assert.ok(plain.choices[0].message.content);
assert.ok(plain.usage.cost > 0);
ok("plain");

const stream = await client.chat.completions.create({
  model, messages, max_tokens: 8, stream: true, stream_options: { include_usage: true },
});
let usage;
for await (const chunk of stream) usage = chunk.usage ?? usage;
assert.ok(usage.completion_tokens > 0);
ok("stream");

// A first token that is a part of a character: the helper throws where the first delta has no role.
const helped = client.chat.completions.stream({ model, messages, max_tokens: 20, grammar: 'root ::= "🌍 hi"' });
assert.equal((await helped.finalChatCompletion()).choices[0].message.content, "🌍 hi");
ok("helper");

const long = await client.chat.completions.create({
  model, messages: [{ role: "user", content: "Tell a long story." }], max_tokens: 200, stream: true,
});
let seen = 0;
for await (const _ of long) if (++seen === 5) break;
assert.equal(seen, 5);
ok("early close");

const vectors = await client.embeddings.create({ model, input: ["hello", "world"] });
assert.equal(vectors.data.length, 2);
assert.equal(typeof vectors.data[0].embedding[0], "number");
ok("embeddings");

const text = await client.completions.create({ model, prompt: "Once upon", max_tokens: 4 });
assert.ok(text.choices[0].text);
ok("completions");

const { response } = await client.chat.completions.create({ model, messages, max_tokens: 2 }).withResponse();
assert.match(response.headers.get("x-request-id"), /^req_/);
ok("headers");

await assert.rejects(new OpenAI({ baseURL, apiKey: "sk-wrong", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
await assert.rejects(client.chat.completions.create({ model: "nope", messages }), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ model, messages, temperature: 99 }), OpenAI.BadRequestError);
const poor = new OpenAI({ baseURL, apiKey: poorKey, maxRetries: 0 });
await assert.rejects(poor.chat.completions.create({ model, messages }), (e) => e.status === 402 && e.code === "insufficient_quota");
ok("errors");
