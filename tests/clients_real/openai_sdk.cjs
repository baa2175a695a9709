// A streamed answer, a tool that is called, its result sent back, and what came of it, by OpenAI's SDK for JavaScript.
// Arguments: the folder of the package, the base URL, the model. Prints one JSON object.
const [, , folder, baseURL, model] = process.argv;
const { OpenAI } = require(folder);

const client = new OpenAI({ baseURL, apiKey: "local", maxRetries: 0 });

async function main() {
  const question = [{ role: "user", content: "What is the answer?" }];
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({ model, messages: question, stream: true })) {
    chunks.push(chunk.choices[0]?.delta?.content ?? "");
  }
  const asked = [];
  const read = {
    name: "read",
    description: "Read a file",
    parameters: { type: "object", properties: { path: { type: "string" } }, required: ["path"] },
    parse: JSON.parse,
    function: ({ path }) => { asked.push(path); return "seven"; },
  };
  const runner = client.chat.completions.runTools({
    model, stream: true, messages: [{ role: "user", content: "What does a.txt say?" }],
    tools: [{ type: "function", function: read }],
  });
  const said = await runner.finalContent();
  console.log(JSON.stringify({ answer: chunks.join(""), chunks: chunks.length, asked, said }));
}

main();
