import { inChromium } from './in-chromium.ts';
import { accessSuite } from './suites/access.ts';

inChromium(accessSuite);
