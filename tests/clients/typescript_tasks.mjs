// Calls a tool as a task by the TypeScript SDK and its package for tasks; prints one line of JSON.
// The SDK takes no results of tasks itself: the host passes these requests on (`rawDispatch`).
import { createTaskSessionFromClient, resultFromTaskOutcome } from "@modelcontextprotocol/ext-tasks/client";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [mode, tool, args, command, ...words] = process.argv.slice(2);
const info = { name: "tests", version: "0" };
const capabilities = { elicitation: { form: {} } };
const transport = new StdioClientTransport({
  command,
  args: words,
  env: process.env,
  cwd: process.cwd(),
});
const client = new Client(info, { capabilities, versionNegotiation: { mode } });
await client.connect(transport);

const waiting = new Map();
const toClient = transport.onmessage;
transport.onmessage = (message, extra) => {
  const resolve = waiting.get(message.id);
  if (resolve === undefined) return toClient(message, extra);
  waiting.delete(message.id);
  const { error, result } = message;
  resolve(error === undefined ? { kind: "result", result } : { kind: "error", error });
};
const sent = [];
const rawDispatch = (request) =>
  new Promise((resolve, reject) => {
    const id = `raw-${sent.length}`;
    sent.push(request.method);
    waiting.set(id, resolve);
    transport.send({ jsonrpc: "2.0", id, ...request }).catch(reject);
  });

const protocolVersion = client.getNegotiatedProtocolVersion();
const questions = [];
const session = createTaskSessionFromClient(client, {
  endpointId: "codexmcp",
  onInputRequest: async (request) => {
    questions.push(request.params.message);
    return { action: "accept", content: {} };
  },
  ...(client.getProtocolEra() === "modern" && {
    rawDispatch,
    v2RequestFraming: { protocolVersion, clientInfo: info, clientCapabilities: capabilities },
  }),
});
try {
  const execution = await session.callTool(tool, JSON.parse(args));
  const { outcome } = await execution.settle();
  const result = resultFromTaskOutcome(outcome);
  console.log(JSON.stringify({ protocolVersion, sent, questions, result }));
} finally {
  await session.close();
  await client.close();
}
