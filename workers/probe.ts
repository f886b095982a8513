/** Thread entry of the probe of modules: all work is in src/shape/stages/probe.ts. */
import '../src/shape/stages/probe.ts';
