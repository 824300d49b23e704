#include "sim/drawing/svg.h"

#include "sim/base/printed.h"
#include "sim/base/xml_text.h"

namespace stepcast {
namespace {

// Colours of Okabe and Ito's palette, which people with any kind of colour vision tell apart;
// lighter shades of them on dark.
constexpr const char* kStyle = R"(
text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #1b1f24; text-anchor: middle; }
.page { fill: #ffffff; }
.title { font-size: 18px; font-weight: 600; text-anchor: start; }
.note { fill: #59636e; text-anchor: start; }
.small { font-size: 10px; }
.node { fill: #f6f8fa; stroke: #b7bfc8; }
.gpu { fill: #d3ecd0; stroke: #3d8b37; }
.inside { fill: #fde8c4; stroke: #b87400; }
.nic { fill: #d6e6f7; stroke: #0072b2; }
.switch { fill: #f3dcea; stroke: #a8457f; }
.more { fill: none; stroke: #8a949e; stroke-dasharray: 4 3; }
.link { fill: none; }
.inner { stroke: #b87400; }
.mesh { stroke: #3d8b37; }
.out { stroke: #0072b2; }
.up { stroke: #a8457f; }
.wan { stroke: #d55e00; }
.free { stroke: #9aa4ae; stroke-dasharray: 2 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .page { fill: #12161b; }
  .note { fill: #9aa4ae; }
  .node { fill: #1b2128; stroke: #4a545f; }
  .gpu { fill: #1f3d1d; stroke: #7cc576; }
  .inside { fill: #453310; stroke: #e8a93a; }
  .nic { fill: #14324a; stroke: #58a9de; }
  .switch { fill: #43203a; stroke: #dc86bb; }
  .inner { stroke: #e8a93a; }
  .mesh { stroke: #7cc576; }
  .out { stroke: #58a9de; }
  .up { stroke: #dc86bb; }
  .wan { stroke: #f0935a; }
}
)";

constexpr int kHalfLetter = 4;  // from the middle of a letter to its base line

std::string stroke_width(int tenths) { return printed("%d.%d", tenths / 10, tenths % 10); }

}  // namespace

void Svg::add(const std::string& shape, const std::string& hint) {
  const std::size_t name_end = shape.find(' ');
  const std::string title = hint.empty() ? "" : "<title>" + xml_escaped(hint) + "</title>";
  shapes_ += "<" + shape + ">" + title + "</" + shape.substr(0, name_end) + ">\n";
}

void Svg::box(Point corner, int width, int height, const std::string& css,
              const std::string& hint) {
  add(printed("rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\" class=\"%s\"", corner.x,
              corner.y, width, height, css.c_str()),
      hint);
}

void Svg::text(Point at, const std::string& css, const std::string& what) {
  shapes_ +=
      printed("<text x=\"%d\" y=\"%d\" class=\"%s\">", at.x, at.y + kHalfLetter, css.c_str()) +
      xml_escaped(what) + "</text>\n";
}

void Svg::line(Point from, Point to, int tenths_wide, const std::string& css,
               const std::string& hint) {
  add(printed("line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"link %s\" stroke-width=\"%s\"",
              from.x, from.y, to.x, to.y, css.c_str(), stroke_width(tenths_wide).c_str()),
      hint);
}

void Svg::arc(Point from, Point to, Point bulge, int tenths_wide, const std::string& css,
              const std::string& hint) {
  add(printed("path d=\"M%d %d Q%d %d %d %d\" class=\"link %s\" stroke-width=\"%s\"", from.x,
              from.y, (from.x + to.x) / 2 + 2 * bulge.x, (from.y + to.y) / 2 + 2 * bulge.y, to.x,
              to.y, css.c_str(), stroke_width(tenths_wide).c_str()),
      hint);
}

std::string Svg::document(int width, int height, const std::string& title) const {
  return printed(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
             "viewBox=\"0 0 %d %d\" role=\"img\">\n",
             width, height, width, height) +
         "<title>" + xml_escaped(title) + "</title>\n<style>" + kStyle + "</style>\n" +
         printed("<rect width=\"%d\" height=\"%d\" class=\"page\"/>\n", width, height) + shapes_ +
         "</svg>\n";
}

}  // namespace stepcast
