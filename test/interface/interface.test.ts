import { inChromium } from './in-chromium.ts';
import { addressSuite } from './suites/address.ts';
import { alertSuite } from './suites/alerts.ts';
import { arrangeSuite } from './suites/arrange.ts';
import { detailsSuite } from './suites/details.ts';
import { exportSuite } from './suites/export.ts';
import { graphSuite } from './suites/graph.ts';
import { flightSuite } from './suites/flight.ts';
import { groupSuite } from './suites/groups.ts';
import { keyboardSuite } from './suites/keyboard.ts';
import { languagesSuite } from './suites/languages.ts';
import { liveSuite } from './suites/live.ts';
import { pictureSuite } from './suites/pictures.ts';
import { remoteSuite } from './suites/remote.ts';
import { replaySuite } from './suites/replay.ts';
import { robustSuite } from './suites/robust.ts';
import { sessionsSuite } from './suites/sessions.ts';
import { startSuite } from './suites/start.ts';
import { streamSuite } from './suites/stream.ts';
import { timelineSuite } from './suites/timeline.ts';
import { troubleSuite } from './suites/trouble.ts';

inChromium(
  startSuite,
  sessionsSuite,
  remoteSuite,
  addressSuite,
  liveSuite,
  graphSuite,
  flightSuite,
  alertSuite,
  groupSuite,
  keyboardSuite,
  arrangeSuite,
  replaySuite,
  detailsSuite,
  timelineSuite,
  troubleSuite,
  streamSuite,
  robustSuite,
  exportSuite,
  pictureSuite,
  languagesSuite,
);
