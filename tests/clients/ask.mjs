// Asks with OpenAI's JavaScript client, in every way it has; prints what came as JSON.
import OpenAI from "openai";

const [baseURL, question] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "any", maxRetries: 0 });
const asked = { model: "articles", messages: [{ role: "user", content: question }] };

const models = [];
for await (const model of client.models.list()) models.push(model.id);

const whole = await client.chat.completions.create({ ...asked, articles: { answer: true } });

let streamed = "";
let last = {};
let usage = null;
const stream = await client.chat.completions.create({
  ...asked,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta.content ?? "";
  if (chunk.choices[0]?.finish_reason) last = chunk;
  usage = chunk.usage ?? usage;
}

const helped = await client.chat.completions.stream(asked).finalChatCompletion();

const refused = await client.chat.completions.create({ ...asked, n: 2 }).catch((error) => ({
  name: error.constructor.name,
  status: error.status,
  param: error.param,
}));

// Offsets count code points, JavaScript's strings UTF-16 units.
const points = [...whole.choices[0].message.content];
const marked = whole.choices[0].message.annotations.map(({ url_citation: at }) =>
  points.slice(at.start_index, at.end_index).join(""),
);

console.log(
  JSON.stringify({
    models,
    content: whole.choices[0].message.content,
    answered: whole.articles.answered,
    marked,
    streamed,
    citations: last.citations,
    usage,
    helped: helped.choices[0].message.content,
    refused,
  }),
);
