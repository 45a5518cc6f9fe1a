// A client of the debug API that knows the contract and nothing of assay, as
// somebody writes it against a tenant of his own.
//
//   CLIENT_ID=… CLIENT_SECRET=… node debug.mjs BASE_URL ACTION_ID ENVIRONMENT INPUT
//
// It prints one JSON document, and ends with 1 where the action failed.

const [base, actionId, environment, input] = process.argv.slice(2);
const problems = [];
if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(actionId)) problems.push("actionId is not a UUID");
if (!["dev", "test", "prod"].includes(environment)) problems.push("environment is not one of dev, test, prod");
if (problems.length > 0) throw new Error(problems.join("; "));

let token = { value: "", refreshAt: 0 };

async function bearer() {
  if (Date.now() < token.refreshAt) return token.value;
  const basic = Buffer.from(`${process.env.CLIENT_ID}:${process.env.CLIENT_SECRET}`).toString("base64");
  const url = new URL("/api/v2/oauth/token", base);
  url.search = new URLSearchParams({ grant_type: "client_credentials", scope: "data:execute data:read trace:read" });
  const answer = await fetch(url, {
    method: "POST",
    headers: { Authorization: `Basic ${basic}`, "Content-Type": "application/x-www-form-urlencoded" },
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`token: ${answer.status} ${body.error_description}`);
  token = { value: body.access_token, refreshAt: Date.now() + (body.expires_in - 60) * 1000 };
  return token.value;
}

async function call(method, path, timeout, body) {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(new URL(path, base), {
      method,
      headers: {
        Authorization: `Bearer ${await bearer()}`,
        "Content-Type": "application/json",
        "x-nice-workspace-id": environment,
      },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
    });
    if (answer.status === 429 && attempt < 5) {
      await sleep(Number(answer.headers.get("Retry-After") ?? 1) * 1000);
      continue;
    }
    if (answer.status === 401 && attempt === 1) {
      token.refreshAt = 0;
      continue;
    }
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const { sessionId } = await call("POST", `/api/v2/data-actions/${actionId}/debug`, 10_000, {
  inputParameters: JSON.parse(input),
  trace: true,
  versionConstraint: "strict",
});
let session;
for (let poll = 0, wait = 20; poll < 60; poll++, wait = Math.min(wait * 1.5, 1000)) {
  session = await call("GET", `/api/v2/data-actions/${actionId}/debug-sessions/${sessionId}`, 8_000);
  if (["COMPLETED", "FAILED"].includes(session.status)) break;
  await sleep(wait * (0.5 + Math.random() / 2));
}
console.log(JSON.stringify({ sessionId, ...session }));
process.exitCode = session.status === "COMPLETED" ? 0 : 1;
