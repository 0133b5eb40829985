// Whether the program of this container answers, for HEALTHCHECK: exit 0 or 1. The argument names the
// variable with its port.
//
// It asks for /healthz, "would a restart help?". Some supervisors restart what is unhealthy, and while
// PostgreSQL or Redis is away (/readyz) a restart would only end loads that are at work.
const TIMEOUT_MS = 4_000;

const url = `http://127.0.0.1:${process.env[process.argv[2]]}/healthz`;
try {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  console.log(`${url}: ${status}`);
  process.exit(status === 200 ? 0 : 1);
} catch (error) {
  console.error(`${url}: ${error.cause?.message ?? error.message}`);
  process.exit(1);
}
