// The persistent database of a working directory
export { openEmbedded } from './open-embedded.ts';
export type { OpenEmbeddedOptions } from './open-embedded.ts';

// A temporary server for tests
export { startTemporary } from './temporary.ts';
export type { TemporaryOptions } from './temporary.ts';

// What both return
export type { EmbeddedDatabase } from './embedded-database.ts';
