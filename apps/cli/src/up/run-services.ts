import { addressOf, controlTarget, type Settings, type Target } from '@copyline/config';
import { CopylineError } from '@copyline/contracts';
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { CommandContext, CommonOptions } from '../commands/command.ts';
import { EXIT } from '../exit-code.ts';
import { nearPath } from '../service/open-service.ts';
import { apiEndpoint, healthEndpoint, type Endpoint } from './ports.ts';
import { programOf, ServiceProcess, type ServiceEnd } from './service-process.ts';
import { StopSignals } from './stop-signals.ts';
import { welcomeText } from './welcome-text.ts';

export interface UpOptions extends CommonOptions {
  readonly port?: number;
  readonly worker: boolean;
}

/** A scheduler has nothing to finish but the answers it is giving. */
const SCHEDULER_GRACE_MS = 5_000;
/** Ctrl-C reaches the services and us in any order. */
const SIGNAL_SKEW_MS = 250;

/**
 * Runs the embedded database, the scheduler and a worker until a signal comes or one of them ends.
 *
 * @returns the exit code
 * @throws CopylineError `PORT_IN_USE`, `SERVICE_FAILED` when a
 *   service does not start or ends by itself, or as the embedded database does
 */
export async function runServices(options: UpOptions, context: CommandContext): Promise<number> {
  const { terminal, settings } = context;
  const services: ServiceProcess[] = [];
  using signals = new StopSignals(() => {
    for (const service of services) service.kill();
    process.exit(EXIT.interrupted);
  });
  const api = await apiEndpoint({
    host: settings.scheduler.host,
    port: options.port ?? settings.scheduler.port,
  });
  await makeFolders(settings);
  await using control = controlTarget(settings, (sentence) => {
    terminal.note(sentence);
  });
  for (const warning of control.warnings) terminal.warn(warning);
  try {
    await holdDatabase(control, signals.signal);
    const onLine = options.verbose === true ? (line: string) => terminal.note(line) : undefined;
    const shared = configEnvironment(options, settings);
    services.push(startScheduler(api, shared, onLine));
    if (options.worker) services.push(await startWorker(settings, shared, onLine));
    const unexpected = Promise.race(services.map(({ ended }) => ended));
    const started = Promise.all(services.map((service) => service.untilReady(signals.signal)));
    const early = await Promise.race([started, unexpected]);
    if (!Array.isArray(early)) throw await afterSkew(early, signals);
    announce(api, options, context);
    const end = await Promise.race([signals.first, unexpected]);
    if (typeof end !== 'string') throw await afterSkew(end, signals);
  } catch (error) {
    if (!signals.signal.aborted) {
      if (options.verbose !== true) {
        for (const line of services.flatMap(({ tail }) => tail.lines)) terminal.error(line);
      }
      await stopAll(services, false);
      throw error;
    }
  }
  terminal.note(stoppingText(options, settings));
  await stopAll(services, (await signals.first) === 'SIGINT' && process.stdin.isTTY);
  return EXIT.done;
}

/** Nobody else may keep it alive while no load runs, and nothing is as slow as starting it again. */
async function holdDatabase(control: Target, signal: AbortSignal): Promise<void> {
  if (control.isEmbedded) await control.parameters(signal);
}

async function makeFolders({ hasDefaultRoots, sources, sinks }: Settings): Promise<void> {
  if (!hasDefaultRoots) return;
  const folders = [...Object.values(sources), ...Object.values(sinks)];
  for (const folder of folders) await mkdir(folder, { recursive: true });
}

/** The services read the same configuration as we do. */
function configEnvironment(options: UpOptions, settings: Settings): Record<string, string> {
  return {
    COPYLINE_HOME: settings.home,
    COPYLINE_TOKEN_FILE: settings.tokenFile,
    ...(options.config === undefined ? {} : { COPYLINE_CONFIG: resolve(options.config) }),
  };
}

function startScheduler(
  api: Endpoint,
  env: Readonly<Record<string, string>>,
  onLine: ((line: string) => void) | undefined,
): ServiceProcess {
  return new ServiceProcess({
    name: 'scheduler',
    program: programOf('scheduler'),
    env: { ...env, COPYLINE_PORT: String(api.port) },
    address: addressOf(api),
    graceMs: SCHEDULER_GRACE_MS,
    onLine,
  });
}

async function startWorker(
  { worker }: Settings,
  env: Readonly<Record<string, string>>,
  onLine: ((line: string) => void) | undefined,
): Promise<ServiceProcess> {
  const health = await healthEndpoint(worker);
  return new ServiceProcess({
    name: 'worker',
    program: programOf('worker'),
    env: { ...env, COPYLINE_WORKER_PORT: String(health.port) },
    address: addressOf(health),
    graceMs: worker.graceSeconds * 1000,
    onLine,
  });
}

function announce(
  api: Endpoint,
  { worker }: UpOptions,
  { terminal, settings }: CommandContext,
): void {
  const server = addressOf(api);
  terminal.result(
    welcomeText({
      server,
      isUsualServer: server === settings.server,
      hasWorker: worker,
      token:
        settings.token === undefined
          ? `the token is in ${nearPath(settings.tokenFile)}`
          : 'the token is the one in COPYLINE_TOKEN',
      sources: Object.entries(settings.sources).map(([name, folder]) => ({
        name,
        folder: nearPath(folder),
      })),
    }),
  );
  terminal.json({ status: 'ready', server, tokenFile: settings.tokenFile });
}

/**
 * An end that nobody asked for, unless a signal turns up that the service was just quicker to obey.
 */
async function afterSkew({ name, text }: ServiceEnd, signals: StopSignals): Promise<CopylineError> {
  await delay(SIGNAL_SKEW_MS, undefined, { signal: signals.signal }).catch(() => undefined);
  return new CopylineError('SERVICE_FAILED', `The ${name} has ended by itself (${text})`, {
    advice: 'Read what it has printed; everything else was stopped, and no load is lost.',
  });
}

/** The worker first: while it finishes its loads, the scheduler still tells how they go. */
async function stopAll(services: readonly ServiceProcess[], isTold: boolean): Promise<void> {
  for (const service of services.toReversed()) await service.stop(isTold);
}

function stoppingText({ worker: hasWorker }: UpOptions, { worker }: Settings): string {
  return hasWorker
    ? `Stopping: running loads have ${String(worker.graceSeconds)} s to end; again to stop at once`
    : 'Stopping; again to stop at once';
}
