/** Where a process of the model runs: unit, container, pod, package; and the script that it runs. */
import type { FlowModel } from '../flow/model.ts';
import { RowMemory } from '../flow/row-memory.ts';
import { containerOf, packageOfPath, unitOf, workloadOf, type AppPackage, type ContainerId } from './cgroup-path.ts';
import { detailsFrom, NO_DETAILS, type ContainerDetails } from './container-details.ts';
import { packageOfExe, scriptOf } from './program.ts';

export interface Container extends ContainerId, ContainerDetails {
  /** What the pod's name was made from; null outside of Kubernetes. */
  readonly workload: string | null;
}

export interface Place {
  readonly unit: string | null;
  readonly container: Container | null;
  readonly package: AppPackage | null;
  /** What a process is grouped under: its pod, else container, else package, else unit or session. */
  readonly group: string | null;
  readonly groupKind: string;
}

export const NOWHERE: Place = { unit: null, container: null, package: null, group: null, groupKind: '' };
const REMEMBERED_MAX = 20_000;

/** Texts of processes are interned: what they mean is worked out once for each. */
class Places {
  readonly #model: FlowModel;
  /** By string of the control group's path; `details` = the string that it was made with. */
  readonly #byPath: RowMemory<{ details: number; place: Place }>;
  /** By arguments and executable. */
  readonly #programs: RowMemory<{ script: string | null; package: AppPackage | null }>;

  constructor(model: FlowModel) {
    this.#model = model;
    this.#byPath = new RowMemory(model, REMEMBERED_MAX);
    this.#programs = new RowMemory(model, REMEMBERED_MAX);
  }

  place(process: number): Place {
    const { processes, cgroups, strings } = this.#model;
    const low = processes.cgroupLow.data[process]!;
    const high = processes.cgroupHigh.data[process]!;
    const path = cgroups.pathOf(low, high);
    if (path < 0) return NOWHERE;
    const details = cgroups.detailsOf(low, high);
    const known = this.#byPath.get(path);
    if (known?.details === details) return known.place;
    const place = placeOf(strings.text(path), details < 0 ? null : strings.text(details));
    this.#byPath.set(path, { details, place });
    return place;
  }

  program(process: number): { script: string | null; package: AppPackage | null } {
    const { processes, strings } = this.#model;
    const exe = processes.exe.data[process]! || processes.file.data[process]!;
    const args = processes.args.data[process]!;
    const key = args * 2 ** 26 + exe;
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const path = exe === 0 ? '' : strings.text(exe - 1);
    const words = args === 0 ? [] : strings.text(args - 1).split('\0');
    const made = { script: scriptOf(path, words), package: packageOfExe(path) };
    this.#programs.set(key, made);
    return made;
  }
}

/** What a control group's path means, with what its runtime told of the container. */
export function placeOf(path: string, details: string | null): Place {
  const id = containerOf(path);
  const known = details === null ? NO_DETAILS : detailsFrom(details);
  const container =
    id === null ? null : { ...id, ...known, workload: known.pod === null ? null : workloadOf(known.pod) };
  const unit = unitOf(path);
  const app = packageOfPath(path);
  const [group, groupKind] = groupOf(unit, container, app);
  return { unit, container, package: app, group, groupKind };
}

function groupOf(unit: string | null, container: Container | null, app: AppPackage | null): [string | null, string] {
  if (container !== null && container.pod !== null) return [container.pod, 'pod'];
  if (container !== null) return [containerName(container), 'container'];
  if (app !== null) return [app.name, app.kind];
  if (unit === null) return [null, ''];
  return [unit, /^(session-|user@)/.test(unit) ? 'session' : 'unit'];
}

const OF_MODEL = new WeakMap<FlowModel, Places>();

function placesOf(model: FlowModel): Places {
  let places = OF_MODEL.get(model);
  if (places === undefined) OF_MODEL.set(model, (places = new Places(model)));
  return places;
}

/** Unit and container of the process in a row. */
export const placeOfProcess = (model: FlowModel, process: number): Place => placesOf(model).place(process);

/** Script of the interpreter in a row; null when it runs none. */
export const scriptOfProcess = (model: FlowModel, process: number): string | null =>
  placesOf(model).program(process).script;

/** Flatpak, Snap or AppImage of the process in a row: by its control group, else by its executable. */
export const packageOfProcess = (model: FlowModel, process: number): AppPackage | null =>
  placesOf(model).place(process).package ?? placesOf(model).program(process).package;

/** What people call a container: its name, else the beginning of its number. */
export const containerName = (container: Container): string =>
  container.name ?? (container.id.length === 64 ? container.id.slice(0, 12) : container.id);
