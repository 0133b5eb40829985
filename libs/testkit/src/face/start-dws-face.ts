import { onTestFinished } from 'vitest';
import { type DwsFace, type FaceOptions, openDwsFace, type RealServer } from './dws-face.ts';

/** A face of its own for one test, with roles, coordinators and errors; closed when the test ends. */
export async function startDwsFace(server: RealServer, options?: FaceOptions): Promise<DwsFace> {
  const face = await openDwsFace(server, options);
  onTestFinished(() => face.close());
  return face;
}
