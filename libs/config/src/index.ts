// What is configured
export { addressOf, readSettings, readToken } from './settings.ts';
export type { Settings, SettingsOrigin } from './settings.ts';
export type { QueueAddress } from './queue-address.ts';

// Names looked up in it
export { connectionNamed, connectionNames, controlTarget, resolveTarget } from './target.ts';
export type { OnStatus, Target } from './target.ts';
export { TargetPools } from './target-pools.ts';
export type { TargetPoolsOptions } from './target-pools.ts';
export { resolveSource } from './source.ts';
export type { FoundSource } from './source.ts';
export { resolveSink } from './sink.ts';
export type { FoundSink } from './sink.ts';

// Descriptions of loads and extracts, in the same language as the configuration
export { readYamlFile } from './settings.ts';
export type { YamlFile } from './yaml-file.ts';
export { faultsOf, faultText } from './faults.ts';
export type { Fault } from './faults.ts';

// The reference pages are generated from these
export { configSchema, DEFAULT_LEDGER_SCHEMA } from './file-schema.ts';
export { ENVIRONMENT } from './environment.ts';
export type { Environment } from './environment.ts';
