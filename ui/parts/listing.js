// The rows of a listing. A component, not templates in slots: those NiceGUI compiles anew at every update of the page,
// which would re-create each row and take the focus out of it. What a row says goes through Vue's interpolation or an
// attribute binding, which escape.
const Cell = {
  props: ["col", "row", "now"],
  computed: {
    words() {
      const value = this.row[this.col.name];
      if (this.col.kind === "time") return room.when(value, this.col.never);
      return this.col.kind === "ago" && this.now ? room.ago(value, this.col.never) : value;
    },
    hint() {
      const timed = this.col.kind === "time" || this.col.kind === "ago";
      return timed ? room.exactly(this.row[this.col.name]) : this.row[this.col.name + "_hint"];
    },
    href() {
      const path = this.row[this.col.name + "_href"];
      return path && room.path(path);
    },
  },
  template: `
    <span v-if="col.kind === 'badge'" :class="['badge', row[col.name + '_tone']]" :title="hint">{{ words }}</span>
    <a v-else-if="href" class="cell-link" :href="href" @click.stop @keydown.enter.stop>{{ words }}</a>
    <span v-else :title="hint">{{ words }}</span>
    <small v-if="row[col.name + '_more']" class="more">{{ row[col.name + "_more"] }}</small>`,
};

export default {
  components: { Cell },
  props: { columns: Array, rows: Array },
  emits: ["show", "sort"],
  data: () => ({ arrows: { ascending: "↑", descending: "↓" }, now: Date.now() }),
  mounted() {
    this.clock = setInterval(() => (this.now = Date.now()), 20_000); // "5 min. ago" grows old by itself
  },
  unmounted() {
    clearInterval(this.clock);
  },
  methods: {
    name({cols, row}) { // what a screen reader calls the whole row
      return cols.slice(0, 2).map(col => (col.kind === "time" ? room.when(row[col.name]) : row[col.name])).join(", ");
    },
  },
  template: `
    <q-table :columns="columns" :rows="rows">
      <template #header="line">
        <q-tr :props="line">
          <q-th v-for="col in line.cols" :key="col.name" :props="line" :aria-sort="col.arrow">
            <button v-if="col.sort" type="button" class="sorter" @click="$emit('sort', col.sort)">{{ col.label }}
              <span class="arrow">{{ arrows[col.arrow] || "↕" }}</span></button>
            <span v-else>{{ col.label }}</span>
          </q-th>
        </q-tr>
      </template>
      <template #body="line">
        <q-tr :props="line" :key="line.row.id" class="line" tabindex="0" :aria-label="name(line)" @click="$emit('show', line.row.id)"
              @keydown.enter="$emit('show', line.row.id)">
          <q-td v-for="col in line.cols" :key="col.name" :props="line" :class="'kind-' + col.kind">
            <Cell :col="col" :row="line.row" :now="now" />
          </q-td>
        </q-tr>
      </template>
      <template #item="line">
        <div class="tile" :key="line.row.id" tabindex="0" role="button" :aria-label="name(line)" @click="$emit('show', line.row.id)"
             @keydown.enter="$emit('show', line.row.id)">
          <div v-for="col in line.cols" :key="col.name" :class="['tile-line', 'kind-' + col.kind]">
            <span class="tile-name">{{ col.label }}</span>
            <span class="tile-value"><Cell :col="col" :row="line.row" :now="now" /></span>
          </div>
        </div>
      </template>
      <template #no-data><span></span></template>
    </q-table>`,
};
