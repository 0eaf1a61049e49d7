import type { Target } from '../target.ts';
import { captureTargets } from './capture.ts';
import { nameTargets } from './names.ts';
import { sessionTargets } from './session.ts';
import { textTargets } from './texts.ts';
import { wireTargets } from './wire.ts';

/** Every reader of bytes that come from elsewhere. A new one belongs here. */
export const TARGETS: readonly Target[] = [
  ...captureTargets,
  ...sessionTargets,
  ...wireTargets,
  ...nameTargets,
  ...textTargets,
];
