/** Thread entry of the probe of modules: all work is in src/shape/probe.ts. */
import '../src/shape/probe.ts';
