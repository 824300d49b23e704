#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <array>
#include <memory>

#include "sim/base/json_writer.h"
#include "sim/collective/algorithms.h"
#include "sim/compute/kernels.h"
#include "sim/lowering/schedules.h"
#include "sim/model/optimizers.h"
#include "sim/scenario/resolve.h"
#include "sim/scenario/scenario.h"
#include "sim/topology/shapes/fabric_shape.h"
#include "tools/cli/commands.h"

namespace stepcast::cli {
namespace {

struct Entry {
  std::string name;
  std::string description;
};

std::vector<Entry> shipped(const std::string& any_file) {
  std::vector<Entry> entries;
  for (const std::string& name : shipped_names(any_file)) entries.push_back({name, ""});
  return entries;
}

/// Named KIND/ALGORITHM, since algorithms of several kinds share a name.
std::vector<Entry> collectives() {
  std::vector<Entry> entries;
  for (const CollectiveAlgorithm& row : collective_algorithms())
    entries.push_back({std::string(name_of(row.kind)) + "/" + std::string(row.name),
                       std::string(row.description)});
  return entries;
}

template <typename Row>
std::vector<Entry> rows(std::span<const Row> table) {
  std::vector<Entry> entries;
  for (const Row& row : table)
    entries.push_back({std::string(row.name), std::string(row.description)});
  return entries;
}

struct Category {
  const char* name;
  std::vector<Entry> (*entries)(const Library& library);
};

const std::array<Category, 14> kCategories = {{
    {"scenarios",
     [](const Library& library) { return shipped(library.root + "/scenarios/x.json"); }},
    {"shared_clusters",
     [](const Library& library) { return shipped(library.shared_cluster_file("x")); }},
    {"models", [](const Library& library) { return shipped(library.model_file("x")); }},
    {"topologies", [](const Library& library) { return shipped(library.topology_file("x")); }},
    {"node_shapes", [](const Library&) { return rows(node_shapes()); }},
    {"fabric_shapes", [](const Library&) { return rows(fabric_shapes()); }},
    {"devices", [](const Library& library) { return shipped(library.device_file("x")); }},
    {"device_profiles",
     [](const Library& library) { return shipped(library.device_profile_file("x")); }},
    {"network_profiles",
     [](const Library& library) { return shipped(library.network_profile_file("x")); }},
    {"stacks", [](const Library& library) { return shipped(library.stack_file("x")); }},
    {"schedules", [](const Library&) { return rows(schedule_table()); }},
    {"optimizers", [](const Library&) { return rows(optimizer_table()); }},
    {"collectives", [](const Library&) { return collectives(); }},
    {"kernels", [](const Library&) { return rows(kernel_table()); }},
}};

void print_json(const std::string& only, const Library& library) {
  JsonWriter json;
  json.begin_object();
  for (const Category& category : kCategories) {
    if (!only.empty() && only != category.name) continue;
    json.key(category.name);
    json.begin_array();
    for (const Entry& entry : category.entries(library)) json.value(entry.name);
    json.end_array();
  }
  json.end_object();
  print(json.text());
}

void print_text(const std::string& only, const Library& library) {
  std::string text;
  for (const Category& category : kCategories) {
    if (!only.empty() && only != category.name) continue;
    text += std::string(category.name) + "\n";
    for (const Entry& entry : category.entries(library)) {
      text += "  " + entry.name;
      if (!entry.description.empty())
        text += std::string(entry.name.size() < 28 ? 28 - entry.name.size() : 1, ' ') +
                entry.description;
      text += "\n";
    }
  }
  print(text);
}

}  // namespace

void add_list(CLI::App& app, std::function<int()>& run) {
  const auto category = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  std::vector<std::string> names;
  for (const Category& row : kCategories) names.push_back(row.name);
  app.add_option("category", *category, "only this category")->check(CLI::IsMember(names));
  app.add_flag("--json", *json, "one JSON document instead of text");
  run = [category, json] {
    const Library library = find_library();
    *json ? print_json(*category, library) : print_text(*category, library);
    return 0;
  };
}

}  // namespace stepcast::cli
