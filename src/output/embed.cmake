# SPDX-License-Identifier: BSD-3-Clause
# Makes PAGE_C: the page of the html format as two arrays, what stands before the data and what stands after. Its content
# security policy names its style and its script by their hashes. And the style and the script of the svg format.
#   cmake -DSOURCE_DIR=src/output -DPAGE_C=page.c -P embed.cmake

cmake_minimum_required(VERSION 3.25)

set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)

# sha256_base64(VARIABLE TEXT)
function(sha256_base64 variable text)
  string(SHA256 hex "${text}")
  string(APPEND hex 00) # 32 bytes and one more are 11 times 3
  set(encoded)
  foreach(place RANGE 0 60 6)
    string(SUBSTRING ${hex} ${place} 6 three)
    foreach(shift 18 12 6 0)
      math(EXPR index "(0x${three} >> ${shift}) & 63")
      string(SUBSTRING ${alphabet} ${index} 1 letter)
      string(APPEND encoded ${letter})
    endforeach()
  endforeach()
  string(REGEX REPLACE "A$" "=" encoded ${encoded})
  set(${variable} ${encoded} PARENT_SCOPE)
endfunction()

# c_array(VARIABLE NAME TEXT)
function(c_array variable name text)
  string(HEX "${text}" hex)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  set(${variable} "const unsigned char ${name}[] = {\n${bytes}};\nconst size_t ${name}_size = sizeof ${name};\n" PARENT_SCOPE)
endfunction()

file(READ ${SOURCE_DIR}/flame.html page)
file(READ ${SOURCE_DIR}/flame.css style)
file(READ ${SOURCE_DIR}/flame.js script)
sha256_base64(style_hash "${style}")
sha256_base64(script_hash "${script}")
string(REPLACE "@STYLE_HASH@" "${style_hash}" page "${page}")
string(REPLACE "@SCRIPT_HASH@" "${script_hash}" page "${page}")
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")
string(FIND "${page}" "@DATA@" place)
string(SUBSTRING "${page}" 0 ${place} head)
math(EXPR place "${place} + 6")
string(SUBSTRING "${page}" ${place} -1 tail)
c_array(head_array gsd_html_head "${head}")
c_array(tail_array gsd_html_tail "${tail}")
file(READ ${SOURCE_DIR}/svg.css svg_style)
file(READ ${SOURCE_DIR}/svg.js svg_script)
c_array(svg_style_array gsd_svg_style "${svg_style}")
c_array(svg_script_array gsd_svg_script "${svg_script}")
file(WRITE ${PAGE_C} "#include \"output/html.h\"\n#include \"output/svg.h\"\n
${head_array}\n${tail_array}\n${svg_style_array}\n${svg_script_array}")
