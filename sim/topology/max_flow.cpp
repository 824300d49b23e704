// Builds Boost's residual graph: every arc has a reverse one.
#include "sim/topology/max_flow.h"

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/edmonds_karp_max_flow.hpp>

namespace stepcast {
namespace {

using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
using VertexProperty =
    boost::property<boost::vertex_color_t, boost::default_color_type,
                    boost::property<boost::vertex_predecessor_t, Traits::edge_descriptor>>;
using EdgeProperty = boost::property<
    boost::edge_capacity_t, double,
    boost::property<boost::edge_residual_capacity_t, double,
                    boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>;
using FlowGraph =
    boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, VertexProperty, EdgeProperty>;

}  // namespace

double max_flow(std::size_t num_vertices, const std::vector<Arc>& arcs, std::size_t source,
                std::size_t sink) {
  FlowGraph graph(num_vertices);
  const auto capacity = boost::get(boost::edge_capacity, graph);
  const auto reverse = boost::get(boost::edge_reverse, graph);
  for (const Arc& arc : arcs) {
    const auto forth = boost::add_edge(arc.from, arc.to, graph).first;
    const auto back = boost::add_edge(arc.to, arc.from, graph).first;
    capacity[forth] = arc.capacity;
    capacity[back] = 0;
    reverse[forth] = back;
    reverse[back] = forth;
  }
  return boost::edmonds_karp_max_flow(graph, source, sink);
}

}  // namespace stepcast
